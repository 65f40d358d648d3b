import Glibc
import TelemetryNet

/// Why the log could not be opened, written or read.
package enum LogError: Error, Sendable, CustomStringConvertible {
    /// No room on the device, or no descriptor for a new file. What was to be written is not in the log; later writes may succeed.
    case full(SystemError)
    /// A write or a sync failed. What the device holds is no longer known, so the log takes no more writes.
    case failed(SystemError)
    /// A record that was complete once is damaged. `offset`: that of the message, as far as the records before tell.
    case corrupt(path: String, position: Int64, offset: Int64, reason: String)
    /// The directory is not a log, or another process has it.
    case unusable(String)

    /// Of a write that was taken back: there is no room, or the device fails.
    init(writing error: SystemError) {
        self = [ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE].contains(error.code) ? .full(error) : .failed(error)
    }

    /// What is wrong, for a sentence that names the file already.
    var placeInFile: String {
        if case .corrupt(_, let position, let offset, let reason) = self { return "byte \(position), message \(offset): \(reason)" }
        return description
    }

    package var description: String {
        switch self {
        case .full(let error): "no room: \(error)"
        case .failed(let error): "the log takes no more writes: \(error)"
        case .corrupt(let path, let position, let offset, let reason):
            "\(path): damaged at byte \(position), message \(offset): \(reason)"
        case .unusable(let reason): reason
        }
    }
}
