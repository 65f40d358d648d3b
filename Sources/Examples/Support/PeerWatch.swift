import Synchronization

/// Logs that a peer is lost and that it is found again: once each, however often it is tried in between.
package final class PeerWatch: Sendable {
    private struct State {
        var isConnected = false
        var wasTold: Bool?
    }

    private let name: String
    private let log: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - name: what the peer is: `queue`, `database`.
    ///   - isConnected: that it is there, is what everybody expects and nobody needs to be told.
    package init(_ name: String, log: Logger, isConnected: Bool = false) {
        self.name = name
        self.log = log
        if isConnected { state.withLock { $0 = State(isConnected: true, wasTold: true) } }
    }

    package var isConnected: Bool { state.withLock { $0.isConnected } }

    package func found(_ fields: LogFields = [:]) { change(to: true, .info, "connected", fields) }

    /// Later losses in a row are only shown at level debug.
    package func lost(_ fields: LogFields) { change(to: false, .warning, "lost", fields) }

    private func change(to isConnected: Bool, _ level: LogLevel, _ what: String, _ fields: LogFields) {
        let isNew = state.withLock { state in
            state.isConnected = isConnected
            guard state.wasTold != isConnected else { return false }
            state.wasTold = isConnected
            return true
        }
        log.log(isNew ? level : .debug, "\(name) \(what)", fields)
    }
}

extension Duration {
    /// For a log line: `1.25`.
    package var seconds: Double { (self / .milliseconds(1)).rounded() / 1000 }
}
