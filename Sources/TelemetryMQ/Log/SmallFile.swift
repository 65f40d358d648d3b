import Glibc
import TelemetryNet

/// Files that are read and written whole.
extension LogDirectory {
    /// `nil` where the file is not there, empty, or larger than any that the server writes.
    func contents(of name: String) throws(SystemError) -> [UInt8]? {
        guard try fileNames().contains(name) else { return nil }
        let file = try open(name)
        let size = Int(try file.size())
        guard size > 0, size <= 512 << 20 else { return nil }
        var bytes = [UInt8](repeating: 0, count: size)
        let count = try bytes.withUnsafeMutableBufferPointer { buffer throws(SystemError) in
            try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
        }
        return Array(bytes[..<count])
    }

    /// Puts the file in its place in one step: a reader sees the old content or the new. Not synced.
    func replace(_ name: String, with bytes: [UInt8]) throws(SystemError) {
        let file = try open(name + ".new")
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
        try rename(name + ".new", to: name)
    }
}

extension LogFile {
    func write(_ bytes: [UInt8], at position: Int64) throws(SystemError) {
        var bytes = bytes
        try bytes.withUnsafeMutableBufferPointer { buffer throws(SystemError) in
            var parts = [iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)]
            try parts.withUnsafeMutableBufferPointer { parts throws(SystemError) in try write(parts, at: position) }
        }
    }
}
