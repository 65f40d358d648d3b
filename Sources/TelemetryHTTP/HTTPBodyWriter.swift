import TelemetryIO

/// Sends the pieces of a streamed body. May be used from any task.
package struct HTTPBodyWriter: Sendable {
    let connection: LoopBound<HTTPConnection>
    let loop: EventLoop
    /// The id of the request that the body responds to.
    let exchangeID: Int

    /// Sends the bytes at once, as one chunk; returns when there is space for more.
    ///
    /// Throws ``HTTPPeerGone`` if the client no longer reads, and `CancellationError` if the task is cancelled while it
    /// waits for space; the bytes may then have been sent.
    package func write(_ bytes: [UInt8]) async throws {
        try Task.checkCancellation()
        let (connection, loop, exchangeID) = (connection, loop, exchangeID)
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                if loop.isOnLoop {
                    connection.value.writeChunk(bytes, exchangeID, continuation)
                } else if !loop.execute({ connection.value.writeChunk(bytes, exchangeID, continuation) }) {
                    continuation.resume(throwing: HTTPPeerGone(reason: .shutdown))
                }
            }
        } onCancel: {
            loop.execute { connection.value.abandonWrites(exchangeID) }
        }
    }
}

/// An error: the body is no longer read.
package struct HTTPPeerGone: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Reason: Sendable, Equatable {
        case closed
        /// The client read nothing for this time.
        case tooSlow(Duration)
        case shutdown
    }

    package var reason = Reason.closed

    package var description: String {
        switch reason {
        case .closed: "the client closed the connection"
        case .tooSlow(let limit): "the client read nothing for \(limit)"
        case .shutdown: "the server is shutting down"
        }
    }
}
