import Glibc
import TelemetryIO

/// The reason why the log could not be opened, written or read.
package enum LogError: Error, Sendable, CustomStringConvertible {
    /// No space on the device, or no descriptor for a new file. The data are not in the log; later writes may succeed.
    case full(SystemError)
    /// A write or a sync failed. The content of the device is no longer known, so the log accepts no more writes.
    case failed(SystemError)
    /// A record that was once complete is damaged. `offset`: that of the message, as far as the records before it show.
    case corrupt(path: String, position: Int64, offset: Int64, reason: String)
    /// The directory is not a log, or another process has it open.
    case unusable(String)

    /// The error for a write that was undone: there is no space, or the device fails.
    init(writing error: SystemError) {
        self = [ENOSPC, EDQUOT, EFBIG, EMFILE, ENFILE].contains(error.code) ? .full(error) : .failed(error)
    }

    /// The problem, for a sentence that already names the file.
    var placeInFile: String {
        if case .corrupt(_, let position, let offset, let reason) = self {
            return "byte \(position), message \(offset): \(reason)"
        }
        return description
    }

    package var description: String {
        switch self {
        case .full(let error): "no space: \(error)"
        case .failed(let error): "the log accepts no more writes: \(error)"
        case .corrupt(let path, let position, let offset, let reason):
            "\(path): damaged at byte \(position), message \(offset): \(reason)"
        case .unusable(let reason): reason
        }
    }
}
