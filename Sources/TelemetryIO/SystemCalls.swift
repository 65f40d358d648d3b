import Glibc

/// Repeats a system call that a signal interrupted. Throws if it returns less than 0 for any other reason.
@inline(__always)
package func repeatingInterrupted(
    _ call: String, on subject: @autoclosure () -> String, _ body: () -> Int
) throws(SystemError) -> Int {
    while true {
        let result = body()
        if result >= 0 { return result }
        guard errno == EINTR else { throw SystemError(call, on: subject()) }
    }
}

/// Writes all bytes to a blocking descriptor. `subject` names it in errors.
package func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, on subject: String) throws(SystemError) {
    var rest = bytes
    while !rest.isEmpty {
        let count = try repeatingInterrupted("write", on: subject) { write(descriptor, rest.baseAddress!, rest.count) }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
}

/// Reads a blocking descriptor to its end. `subject` names it in errors.
package func readAll(from descriptor: Int32, on subject: String) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 256 * 1024)
    while true {
        let count = try repeatingInterrupted("read", on: subject) { read(descriptor, &chunk, chunk.count) }
        if count == 0 { return bytes }
        bytes += chunk[..<count]
    }
}
