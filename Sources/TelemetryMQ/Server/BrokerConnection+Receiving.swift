import Glibc
import TelemetryNet

/// From bytes to frames.
extension BrokerConnection {
    /// Frames handled one by one before the others have their turn; those that take longer count more.
    private static let turnFrames = 1024
    /// A frame before `hello`, where that is asked for.
    private static let maxGreetingBytes = 4096

    func receive() {
        if lingersSince != nil { return discard() }
        lastHeard = broker.loop.now
        defer { noteHeldBytes() }
        do {
            if input.count <= ReceiveArena.maxHeldBytes {
                if broker.arena.isFull { broker.commitStaged() }
                if broker.stage.isEmpty { broker.arena.reset() }
                // What is held of a frame goes before what is received, so that many frames lie in one piece.
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
                // No more than was asked for: what is left over after the frame must be little.
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
            // What is staged is answered after its write; else there may be answers to other requests.
            if broker.stage.hasPublishes(of: self) { broker.commitSoon() } else { send() }
        } catch {
            close()
        }
    }

    /// How much room the next read gets: for the rest of a large frame.
    private var missingBytes: Int {
        let total = 4 + Int(UInt32(bigEndian: input.bytes.loadUnaligned(as: UInt32.self)))
        return max(total - input.count, 0) + 64 * 1024
    }

    /// Handles the whole frames at the front and returns how many bytes they take.
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

    /// Nothing more that it sends is handled.
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

    /// Goes on with the frames that were left, once their answers have room.
    private func handleLeftFrames() {
        turnIsDue = false
        guard isPaused, !isRefused else { return }
        isPaused = false
        let used = handleFrames(input.bytes)
        // The frames lie in the input until they are written.
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
        // Answers that the peer may still want to read are sent; a subscriber that ended its side is gone.
        if isSubscribed || (output.isEmpty && heldParts.isEmpty) { return close() }
        closeWhenDrained()
    }
}
