import TelemetryIO

/// Memory into which the connections of one round receive, one after another: the frames of all stay in place until
/// they are written together.
final class ReceiveArena {
    /// A connection with a larger unfinished frame receives into memory of its own.
    static let maxHeldBytes = 128 * 1024
    private static let receiveBytes = 256 * 1024
    /// The number of bytes after which they are written before more is received: they should still be in the
    /// processor's cache.
    private static let fullBytes = 128 * 1024

    private let memory = UnsafeMutableRawBufferPointer.allocate(
        byteCount: fullBytes + maxHeldBytes + receiveBytes + 64, alignment: 4096)
    private var used = 0

    deinit { memory.deallocate() }

    var isFull: Bool { used >= Self.fullBytes }

    /// Receives after a copy of `held` and returns both; `nil` if there is nothing to receive. The result is empty when
    /// the peer has ended the connection. The caller makes sure that the arena is not full.
    func receive(_ descriptor: Int32, behind held: UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer? {
        // The received bytes begin at a cache line.
        let place = (used + held.count + 63) & ~63
        UnsafeMutableRawBufferPointer(rebasing: memory[(place - held.count)...]).copyMemory(from: held)
        let free = UnsafeMutableRawBufferPointer(rebasing: memory[place..<place + Self.receiveBytes])
        guard let count = try Socket.read(descriptor, into: free) else { return nil }
        guard count > 0 else { return UnsafeRawBufferPointer(rebasing: memory[..<0]) }
        used = place + count
        return UnsafeRawBufferPointer(rebasing: memory[place - held.count..<used])
    }

    /// Everything in it may be overwritten: no frame in it is being read, and no staged message refers to it.
    func reset() { used = 0 }
}
