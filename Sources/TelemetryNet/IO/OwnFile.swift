import Glibc

/// Opens a file that the program itself made, or makes it: a regular one, and not what a symbolic link in its place
/// leads to. Whoever may write to the directory could otherwise have any file of the program's user read, extended or
/// cut.
///
/// The directories on the way may be links, as an operator likes them. Throws an error that names the path.
package func openOwnFile(_ path: String, _ flags: Int32, mode: mode_t = 0o644) throws(SystemError) -> Int32 {
    // Without waiting: a named pipe would have the open wait for its other end.
    let descriptor = Glibc.open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw SystemError("open", on: path) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
        let failure = SystemError("stat", on: path)
        Socket.close(descriptor)
        throw failure
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
        Socket.close(descriptor)
        throw SystemError("open", on: "\(path), which is not a regular file", code: EINVAL)
    }
    return descriptor
}
