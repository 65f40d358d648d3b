import ExampleSupport
import Synchronization
import TelemetryPipeline
import TelemetryStores

/// The dead-letter file, with what is to be told of it.
final class DeadLetters: Sendable {
    private let file: DeadLetterFile?
    private let state = Mutex((samplesKept: 0, problem: String?.none))

    /// - Parameter path: `nil`: nothing is kept.
    init(path: String?) { file = path.map { DeadLetterFile(path: $0) } }

    var samplesKept: Int { state.withLock { $0.samplesKept } }
    /// Why the file cannot be written; `nil` where it can.
    var problem: String? { state.withLock { $0.problem } }

    func keep(_ refused: [RefusedSamples]) throws {
        guard let file else { return }
        do {
            try file.append(refused)
        } catch {
            state.withLock { $0.problem = "DEAD_LETTER_FILE: \(error)" }
            throw error
        }
        state.withLock { state in
            state.samplesKept += refused.reduce(0) { $0 + $1.batch.count }
            state.problem = nil
        }
    }
}
