import CLinux
import Glibc
import TelemetryIO

/// A file of the log. All I/O of the log goes through this and ``LogDirectory``, so that a test can make it fail, tear
/// or lose data. Reading, writing and syncing may happen on different threads.
package protocol LogFile: AnyObject, Sendable {
    /// The name for messages: the path, or a name in memory.
    var path: String { get }
    /// The descriptor for `sendfile`.
    var descriptor: Int32 { get }
    func size() throws(SystemError) -> Int64
    /// Writes all the parts one after the other, or throws with an unknown part of them written.
    func write(_ parts: UnsafeMutableBufferPointer<iovec>, at position: Int64) throws(SystemError)
    /// Reads until the buffer is full or the file ends, and returns the number of bytes.
    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int64) throws(SystemError) -> Int
    func truncate(to size: Int64) throws(SystemError)
    /// Returns when the data are on the device.
    func synchronize() throws(SystemError)
}

/// The directory that contains a log's files.
package protocol LogDirectory: AnyObject, Sendable {
    var path: String { get }
    /// Whether files outlive the process.
    var isDurable: Bool { get }
    func fileNames() throws(SystemError) -> [String]
    /// Opens a file for reading and writing, and creates it empty if it does not exist. A symbolic link is not
    /// followed.
    func open(_ name: String) throws(SystemError) -> any LogFile
    /// Opens a file for reading and writing; fails with `ENOENT` if it does not exist.
    func openExisting(_ name: String) throws(SystemError) -> any LogFile
    /// The number of bytes in a file, which is not opened for this; `nil` if it does not exist.
    func size(of name: String) throws(SystemError) -> Int64?
    func rename(_ old: String, to new: String) throws(SystemError)
    func remove(_ name: String) throws(SystemError)
    /// Returns when the names of the files are on the device.
    func synchronize() throws(SystemError)
    /// Releases the lock, so that another process can open the directory.
    func release()
}

/// A file with a descriptor, on disk or anonymous in memory: one code path for both.
package final class DescriptorFile: LogFile {
    package let path: String
    package let descriptor: Int32

    package init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { Socket.close(descriptor) }

    package func size() throws(SystemError) -> Int64 {
        var info = stat()
        guard fstat(descriptor, &info) == 0 else { throw SystemError("stat", on: path) }
        return Int64(info.st_size)
    }

    package func write(_ parts: UnsafeMutableBufferPointer<iovec>, at position: Int64) throws(SystemError) {
        var position = position
        var rest = parts
        while !rest.isEmpty {
            let written = try repeatingInterrupted("write", on: path) {
                pwritev(descriptor, rest.baseAddress!, Int32(min(rest.count, 1024)), off_t(position))
            }
            position += Int64(written)
            var left = written
            while !rest.isEmpty, left >= rest[0].iov_len {
                left -= rest[0].iov_len
                rest = UnsafeMutableBufferPointer(rebasing: rest[1...])
            }
            if left > 0 {
                rest[0].iov_base += left
                rest[0].iov_len -= left
            }
        }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int64) throws(SystemError) -> Int {
        var filled = 0
        while filled < buffer.count {
            let count = try repeatingInterrupted("read", on: path) {
                pread(descriptor, buffer.baseAddress! + filled, buffer.count - filled, off_t(position) + filled)
            }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    package func truncate(to size: Int64) throws(SystemError) {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw SystemError("truncate", on: path) }
    }

    package func synchronize() throws(SystemError) {
        // Never repeated: after a failure the kernel may have dropped the pages that it could not write, and a second
        // call would report success without them.
        guard fdatasync(descriptor) == 0 else { throw SystemError("fdatasync", on: path) }
    }
}

/// A directory on disk, locked by one process at a time.
package final class DiskDirectory: LogDirectory {
    package let path: String
    package let isDurable = true
    private let lock: Int32
    /// Kept open for its syncs, which must not fail because descriptors ran out.
    private let directory: Int32

    /// Creates the directory if it does not exist, and takes its lock.
    package init(path: String) throws(LogError) {
        self.path = path
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
            throw .unusable(SystemError("create directory", on: path).description)
        }
        directory = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        let directoryError = errno
        var lockError: SystemError?
        do {
            lock = directory < 0 ? -1 : try openOwnFile(path + "/LOCK", O_RDWR | O_CREAT)
        } catch {
            (lock, lockError) = (-1, error)
        }
        guard directory >= 0 else { throw .unusable(SystemError("open", on: path, code: directoryError).description) }
        if let lockError { throw .unusable(lockError.description) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            // The object is complete at this point, so its deinitializer closes the descriptor.
            throw .unusable(
                errno == EWOULDBLOCK
                    ? "\(path): another process has this log open" : SystemError("lock", on: path + "/LOCK").description
            )
        }
    }

    deinit {
        // Otherwise a child process that is starting, and has not yet closed our descriptors, would hold the lock.
        release()
        for descriptor in [lock, directory] where descriptor >= 0 { Socket.close(descriptor) }
    }

    package func fileNames() throws(SystemError) -> [String] { try Self.fileNames(path) }

    static func fileNames(_ path: String) throws(SystemError) -> [String] {
        guard let stream = opendir(path) else { throw SystemError("list", on: path) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                })
        }
        return names
    }

    package func open(_ name: String) throws(SystemError) -> any LogFile {
        let full = path + "/" + name
        return DescriptorFile(path: full, descriptor: try openOwnFile(full, O_RDWR | O_CREAT))
    }

    package func openExisting(_ name: String) throws(SystemError) -> any LogFile {
        let full = path + "/" + name
        return DescriptorFile(path: full, descriptor: try openOwnFile(full, O_RDWR))
    }

    package func size(of name: String) throws(SystemError) -> Int64? { try Self.size(of: path + "/" + name) }

    static func size(of path: String) throws(SystemError) -> Int64? {
        var info = stat()
        if lstat(path, &info) == 0 { return Int64(info.st_size) }
        guard errno == ENOENT else { throw SystemError("stat", on: path) }
        return nil
    }

    package func rename(_ old: String, to new: String) throws(SystemError) {
        guard Glibc.rename(path + "/" + old, path + "/" + new) == 0 else {
            throw SystemError("rename", on: path + "/" + old)
        }
    }

    package func remove(_ name: String) throws(SystemError) {
        guard unlink(path + "/" + name) == 0 else { throw SystemError("remove", on: path + "/" + name) }
    }

    package func synchronize() throws(SystemError) {
        guard fsync(directory) == 0 else { throw SystemError("fsync", on: path) }
    }

    package func release() { flock(lock, LOCK_UN) }
}

/// Files in anonymous memory, which end with the process.
package final class MemoryDirectory: LogDirectory {
    package let path = "memory"
    package let isDurable = false

    package init() {}

    package func fileNames() -> [String] { [] }

    package func open(_ name: String) throws(SystemError) -> any LogFile {
        let closesOnExec: UInt32 = 1  // MFD_CLOEXEC
        let descriptor = clinux_memfd_create(name, closesOnExec)
        guard descriptor >= 0 else { throw SystemError("memfd_create", on: name) }
        return DescriptorFile(path: "memory/" + name, descriptor: descriptor)
    }

    package func openExisting(_ name: String) throws(SystemError) -> any LogFile {
        throw SystemError("open", on: path + "/" + name, code: ENOENT)
    }

    package func size(of name: String) -> Int64? { nil }

    // A file lives as long as it is referenced: names have no meaning here.
    package func rename(_ old: String, to new: String) {}
    package func remove(_ name: String) {}
    package func synchronize() {}
    package func release() {}
}
