import TelemetryIO

/// Stopping: new work is refused, clients read their pending responses, and the log is synced.
extension Broker {
    /// Refuses new work, lets pending responses reach their clients, and syncs. `done` is called on the loop.
    func stop(within limit: Duration, done: @escaping @Sendable () -> Void) {
        isStopping = true
        commitStaged()
        for connection in connections.values { connection.refuseAndClose(.shuttingDown, "the server is shutting down") }
        let deadline = loop.now + limit
        waitForConnections(until: deadline) { [self] in
            for connection in connections.values { connection.close() }
            syncAll { [self] in
                let bound = LoopBound(self, to: loop)
                let loop = loop
                // The indexes of sealed segments are written after the sync; another server must not open the directory
                // before.
                syncThread.execute {
                    loop.execute {
                        bound.value.log.directory.release()
                        done()
                    }
                }
            }
        }
    }

    private func waitForConnections(until deadline: ContinuousClock.Instant, then body: @escaping () -> Void) {
        if connections.isEmpty || loop.now >= deadline { return body() }
        loop.schedule(after: .milliseconds(5)) { [self] in waitForConnections(until: deadline, then: body) }
    }
}
