import CLinux
import Glibc
import TelemetryIO
import TelemetryMQ

/// A log's directory in memory that can be opened again, with the bytes in it that an input says.
final class MemoryLogDirectory: LogDirectory, @unchecked Sendable {
    let path = "memory"
    let isDurable = true
    // The loops of one server after the other take turns with the target.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var files: [String: DescriptorFile] = [:]

    init() { pthread_mutex_init(lock, nil) }

    deinit {
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    private func locked<Value>(_ body: () throws(SystemError) -> Value) throws(SystemError) -> Value {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return try body()
    }

    func fileNames() throws(SystemError) -> [String] { try locked { files.keys.sorted() } }

    func open(_ name: String) throws(SystemError) -> any LogFile {
        try locked { () throws(SystemError) in
            if let file = files[name] { return file }
            let descriptor = clinux_memfd_create("log", 0)
            guard descriptor >= 0 else { throw SystemError("memfd_create", on: name) }
            let file = DescriptorFile(path: "memory/" + name, descriptor: descriptor)
            files[name] = file
            return file
        }
    }

    func openExisting(_ name: String) throws(SystemError) -> any LogFile {
        try locked { () throws(SystemError) in
            guard let file = files[name] else { throw SystemError("open", on: name, code: ENOENT) }
            return file
        }
    }

    func size(of name: String) throws(SystemError) -> Int64? {
        try locked { () throws(SystemError) in try files[name]?.size() }
    }

    func rename(_ old: String, to new: String) throws(SystemError) {
        try locked { () throws(SystemError) in
            guard let file = files.removeValue(forKey: old) else { throw SystemError("rename", on: old, code: ENOENT) }
            files[new] = file
        }
    }

    func remove(_ name: String) throws(SystemError) { try locked { files[name] = nil } }
    func synchronize() throws(SystemError) {}
    func release() {}

    /// Puts the bytes in the place of the file's.
    func put(_ bytes: [UInt8], as name: String) throws {
        try remove(name)
        let file = try open(name)
        var bytes = bytes
        try bytes.withUnsafeMutableBufferPointer { buffer in
            var parts = [iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)]
            try parts.withUnsafeMutableBufferPointer { if buffer.count > 0 { try file.write($0, at: 0) } }
        }
    }

    func bytes(of name: String) throws -> [UInt8] {
        let file = try open(name)
        var bytes = [UInt8](repeating: 0, count: Int(try file.size()))
        _ = try bytes.withUnsafeMutableBufferPointer { try file.read(into: UnsafeMutableRawBufferPointer($0), at: 0) }
        return bytes
    }
}
