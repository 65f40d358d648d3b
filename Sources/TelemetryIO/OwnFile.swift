import Glibc

/// Opens or creates a file of the program's own: it must be a regular file, and not the target of a symbolic link.
/// Otherwise anyone with write access to the directory could make the program read, extend or truncate any file of its
/// user.
///
/// Parent directories may be symbolic links. Throws an error that names the path.
package func openOwnFile(_ path: String, _ flags: Int32, mode: mode_t = 0o644) throws(SystemError) -> Int32 {
    // Non-blocking, because opening a named pipe would wait for its other end.
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
