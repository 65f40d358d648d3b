import Glibc
import TelemetryIO

/// Files that are read and written as a whole.
extension LogDirectory {
    /// Returns `nil` if the file is missing, empty, or larger than any that the server writes: such a file is created
    /// again.
    func contents(of name: String) throws(SystemError) -> [UInt8]? {
        let file: any LogFile
        do {
            file = try openExisting(name)
        } catch {
            guard error.code == ENOENT else { throw error }
            return nil
        }
        guard try file.size() <= 512 << 20 else { return nil }
        let bytes = try file.readAll()
        return bytes.isEmpty ? nil : bytes
    }

    /// Replaces the file atomically: a reader sees the old content or the new. Not synced.
    func replace(_ name: String, with bytes: [UInt8]) throws(SystemError) {
        let file = try open(name + ".new")
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
        try rename(name + ".new", to: name)
    }

    /// Like ``replace(_:with:)``, with the content on the device before the old file is replaced. The name is not: that
    /// requires ``synchronize()``. Returns the new file.
    @discardableResult
    func replaceSynced(_ name: String, with bytes: [UInt8]) throws(SystemError) -> any LogFile {
        let file = try open(name + ".new")
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
        try file.synchronize()
        try rename(name + ".new", to: name)
        return file
    }
}

extension LogFile {
    func readAll() throws(SystemError) -> [UInt8] {
        let size = Int(try size())
        // Larger than any that the server writes.
        guard size <= 1 << 30 else { throw SystemError("read", on: path, code: EFBIG) }
        var bytes = [UInt8](repeating: 0, count: size)
        let count = try bytes.withUnsafeMutableBufferPointer { buffer throws(SystemError) in
            try read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    func write(_ bytes: [UInt8], at position: Int64) throws(SystemError) {
        var bytes = bytes
        try bytes.withUnsafeMutableBufferPointer { buffer throws(SystemError) in
            var parts = [iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)]
            try parts.withUnsafeMutableBufferPointer { parts throws(SystemError) in try write(parts, at: position) }
        }
    }
}
