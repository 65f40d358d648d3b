import Glibc

/// An error: a system call that failed, what it was called on, and the error number.
package struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    package var code: Int32
    /// The call: `bind`.
    package var call: String
    /// What it was called on: `127.0.0.1:9000`, a path.
    package var subject: String

    package init(_ call: String, on subject: String, code: Int32 = errno) {
        self.code = code
        self.call = call
        self.subject = subject
    }

    package var description: String {
        // The system's message, "too many levels of symbolic links", does not say that one link is already too many if
        // none is followed.
        let reason = code == ELOOP ? "a symbolic link, which is not followed" : String(cString: strerror(code))
        return "\(call) \(subject): \(reason)"
    }
}
