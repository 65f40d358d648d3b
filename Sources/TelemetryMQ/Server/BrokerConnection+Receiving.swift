import Glibc
import TelemetryIO

/// Converts bytes to frames.
extension BrokerConnection {
    /// The number of frames handled consecutively before other connections have their turn; slow ones count more.
    private static let turnFrames = 1024
    /// The size limit of a frame before `hello`, if a token is required.
    private static let maxGreetingBytes = 4096

    func receive() {
        if lingersSince != nil { return discard() }
        lastHeard = broker.loop.now
        defer { noteHeldBytes() }
        do {
            if input.count <= ReceiveArena.maxHeldBytes {
                if broker.arena.isFull { broker.commitStaged() }
                if broker.stage.isEmpty { broker.arena.reset() }
                // The stored part of a frame is placed before the received bytes, so that many frames are contiguous.
                let held = input.count
                guard let received = try broker.arena.receive(descriptor, behind: input.bytes) else { return }
                guard !received.isEmpty else { return peerEnded() }
                let used = handleFrames(received)
                guard !isRefused else { return dropInput() }
                input.consume(held)
                input.append(UnsafeRawBufferPointer(rebasing: received[used...]))
                progress.note(held: input.count, completed: used > 0, now: lastHeard)
                if broker.arena.isFull { broker.commitStaged() }
            } else {
                // No more than requested: the rest after the frame must be small.
                let wanted = missingBytes
                let room = UnsafeMutableRawBufferPointer(rebasing: input.room(wanted)[..<wanted])
                guard let count = try Socket.read(descriptor, into: room) else { return }
                guard count > 0 else { return peerEnded() }
                input.commit(count)
                let used = handleFrames(input.bytes)
                broker.commitStaged()
                guard !isRefused else { return dropInput() }
                input.consume(used)
                if used > 0 { input.releaseExcess(above: 4 * ReceiveArena.maxHeldBytes) }
                progress.note(held: input.count, completed: used > 0, now: lastHeard)
            }
            input.releaseIfEmpty()
            // Responses to staged publishes follow after the write; otherwise there may be responses to other requests.
            if broker.stage.hasPublishes(of: self) { broker.commitSoon() } else { send() }
        } catch {
            close()
        }
    }

    /// The size of the buffer for the next read: the rest of a large frame.
    private var missingBytes: Int {
        let total = 4 + Int(UInt32(bigEndian: input.bytes.loadUnaligned(as: UInt32.self)))
        return max(total - input.count, 0) + 64 * 1024
    }

    /// Handles the complete frames at the front and returns the number of bytes they take.
    private func handleFrames(_ bytes: UnsafeRawBufferPointer) -> Int {
        let handler = RequestHandler(connection: self)
        var at = 0
        var turn = 0
        while true {
            if isAuthorized { at = broker.stage.takeFrames(bytes, from: at, of: self) }
            guard bytes.count - at >= 4 else { break }
            let length = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
            guard length > 0, length <= maxFrameBytes else {
                broker.commitStaged()
                lingers = true
                let here = isAuthorized ? "" : " before hello"
                refuseAndClose(.frameTooLarge, "a frame of \(length) bytes; 1 to \(maxFrameBytes) are accepted\(here)")
                return bytes.count
            }
            guard bytes.count - at >= 4 + length else { break }
            guard turn < Self.turnFrames, output.count < Self.maxOutputBytes else {
                isPaused = true
                break
            }
            turn += handler.handle(UnsafeRawBufferPointer(rebasing: bytes[at + 4..<at + 4 + length]))
            at += 4 + length
            if isRefused { break }
        }
        if isAuthorized, at > 0 { isProven = true }
        return at
    }

    /// Ignores all further input.
    private var isRefused: Bool { isClosed || closesWhenDrained || delayedRefusal != nil }

    /// No frame in the input may be in use.
    func dropInput() {
        input.consume(input.count)
        input.releaseIfEmpty()
        progress.note(held: 0, completed: false, now: broker.loop.now)
    }

    private var maxFrameBytes: Int {
        let most = broker.configuration.maxFrameBytes
        return isAuthorized ? most : min(most, Self.maxGreetingBytes)
    }

    /// Continues with the remaining frames, once there is space for their responses.
    private func handleLeftFrames() {
        turnIsDue = false
        guard isPaused, !isRefused else { return }
        isPaused = false
        let used = handleFrames(input.bytes)
        // The frames stay in the input until they are written.
        broker.commitStaged()
        guard !isRefused else { return dropInput() }
        input.consume(used)
        input.releaseExcess(above: 4 * ReceiveArena.maxHeldBytes)
        progress.note(held: input.count, completed: used > 0, now: broker.loop.now)
        send()
    }

    func takeTurnSoon() {
        guard isPaused, !turnIsDue, output.count < Self.maxOutputBytes / 2 else { return }
        turnIsDue = true
        let bound = LoopBound(self, to: broker.loop)
        broker.loop.execute { bound.value.handleLeftFrames() }
    }

    private func peerEnded() {
        // Responses that the peer may still read are sent; a subscriber that closed its side is gone.
        if isSubscribed || (output.isEmpty && heldParts.isEmpty) { return close() }
        closeWhenDrained()
    }
}
