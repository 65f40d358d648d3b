import Synchronization
import TelemetryBase
import TelemetryMQLog

/// Tracks the progress of opening the log, for `/ready` and, if it takes long, for the operator. Used by two threads.
final class OpeningWatch: Sendable {
    private struct State {
        var progress = MessageLog.Opening()
        var limiter: ReportLimiter
    }

    private let onEvent: @Sendable (MQServer.Event) -> Void
    private let state: Mutex<State>

    init(_ configuration: MQServer.Configuration) {
        onEvent = configuration.onEvent
        var limiter = ReportLimiter(interval: .seconds(5))
        // The first interval is not reported.
        _ = limiter.admit()
        state = Mutex(State(limiter: limiter))
    }

    func note(_ progress: MessageLog.Opening) {
        let isDue = state.withLock { state in
            state.progress = progress
            return state.limiter.admit() != nil
        }
        if isDue { onEvent(.opening(detail)) }
    }

    /// As text: `opening the log: 120 of 8000 segments`.
    var detail: String {
        let progress = state.withLock { $0.progress }
        guard progress.segmentCount > 0 else { return "opening the log" }
        var text = "opening the log: \(progress.segmentsOpened) of \(progress.segmentCount) segments"
        if progress.segmentsOpened == 0, progress.indexesRead > 0 { text += ", \(progress.indexesRead) indexes read" }
        if progress.messagesRead > 0 { text += ", \(progress.messagesRead) messages read" }
        return text
    }
}

/// Provides the broker to HTTP requests, once there is one. Belongs to the event loop.
final class Entrance {
    let opening: OpeningWatch
    var broker: Broker?

    init(_ opening: OpeningWatch) { self.opening = opening }
}
