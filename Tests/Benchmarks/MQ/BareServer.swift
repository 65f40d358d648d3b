import BenchmarkSupport
import CLinux
import Glibc
import TelemetryIO

/// The least that a server of this kind must do, as a measure of what the machine can do: one epoll loop, no parsing.
struct BareServer {
    /// The answer to every frame: as long as the queue's, so that the loops move the same bytes.
    static let answer = framed(Array(#"{"type":"response","success":true,"request_id":1234567,"offset":1000000}"#.utf8))

    /// Appends what it reads to a file (`nil`: discards it), synced once a second as the queue's log, and answers each frame.
    static func append(to path: String?, frameBytes: Int, port: Int) {
        let file = path.map { open($0, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644) }
        if let file { startSyncing(file) }
        let poller = Poller()
        let listener = must("listen") { try Socket.listen(host: "127.0.0.1", port: port) }
        announce(listener.address.port)
        poller.add(listener.fd, index: -1 & 0xFFFF_FFFF, readable)
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 512 * 1024, alignment: 4096)
        // Begun anywhere in an answer, some thousands of them.
        let answers = (0..<4096).flatMap { _ in answer }
        var position: off_t = 0
        var received = [Int](repeating: 0, count: 4096)
        var owed = [Int](repeating: 0, count: 4096)
        var writing = [Bool](repeating: false, count: 4096)
        while true {
            poller.wait { index, events in
                guard index != -1 & 0xFFFF_FFFF else {
                    while let (fd, _) = must("accept", { try Socket.accept(listener.fd) }) {
                        Socket.setNoDelay(fd)
                        (received[Int(fd)], owed[Int(fd)], writing[Int(fd)]) = (0, 0, false)
                        poller.add(fd, index: Int(fd), readable)
                    }
                    return
                }
                let fd = Int32(index)
                if events & readable != 0 {
                    let count = recv(fd, scratch.baseAddress!, scratch.count, 0)
                    guard count > 0 else { return Socket.close(fd) }
                    if let file {
                        guard pwrite(file, scratch.baseAddress!, count, position) == count else { fail("write") }
                        position += off_t(count)
                    }
                    received[index] += count
                    owed[index] += received[index] / frameBytes * answer.count
                    received[index] %= frameBytes
                }
                while owed[index] > 0 {
                    let sent = answers.withUnsafeBytes { bytes in
                        let phase = (answer.count - owed[index] % answer.count) % answer.count
                        return try? Socket.write(
                            fd, UnsafeRawBufferPointer(rebasing: bytes[phase..<min(phase + owed[index], bytes.count)]))
                    }
                    guard let sent else { break }
                    owed[index] -= sent
                }
                if writing[index] != (owed[index] > 0) {
                    writing[index].toggle()
                    poller.change(fd, index: index, writing[index] ? readable | writable : readable)
                }
            }
        }
    }

    enum Delivery: String { case sendfile, map }

    /// Sends a file to everybody who connects, by `sendfile` or by writing from a memory map.
    static func deliver(_ path: String, by way: Delivery, port: Int) {
        let file = open(path, O_RDONLY)
        var info = stat()
        guard file >= 0, fstat(file, &info) == 0 else { fail("open \(path)") }
        let size = Int(info.st_size)
        let map = mmap(nil, size, PROT_READ, MAP_SHARED, file, 0)!
        let poller = Poller()
        let listener = must("listen") { try Socket.listen(host: "127.0.0.1", port: port) }
        announce(listener.address.port)
        poller.add(listener.fd, index: -1 & 0xFFFF_FFFF, readable)
        var positions = [Int](repeating: 0, count: 4096)
        while true {
            poller.wait { index, events in
                guard index != -1 & 0xFFFF_FFFF else {
                    while let (fd, _) = must("accept", { try Socket.accept(listener.fd) }) {
                        positions[Int(fd)] = 0
                        poller.add(fd, index: Int(fd), writable)
                    }
                    return
                }
                let fd = Int32(index)
                // As much in one turn as the queue gives to one subscriber.
                var budget = 4 << 20
                while budget > 0, positions[index] < size {
                    let count = min(size - positions[index], 1 << 20)
                    var position = off_t(positions[index])
                    let sent =
                        switch way {
                        case .sendfile: sendfile(fd, file, &position, count)
                        case .map: send(fd, map + positions[index], count, Int32(MSG_NOSIGNAL))
                        }
                    guard sent > 0 else { return errno == EAGAIN ? () : Socket.close(fd) }
                    positions[index] += sent
                    budget -= sent
                }
                if positions[index] == size { poller.change(fd, index: index, 0) }
            }
        }
    }

    private static func announce(_ port: Int) {
        print(port)
        fflush(nil)
    }

    private static func startSyncing(_ file: Int32) {
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                let file = Int32(Int(bitPattern: argument))
                while true {
                    sleep(1)
                    fdatasync(file)
                }
            }, UnsafeMutableRawPointer(bitPattern: Int(file)))
    }

    /// Writes and syncs one record at a time, as a server would that knows no group commit.
    static func syncEach(path: String, recordBytes: Int, seconds: Int) {
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o644)
        guard file >= 0 else { fail("open \(path)") }
        let record = [UInt8](repeating: UInt8(ascii: "x"), count: recordBytes)
        let start = nanoseconds()
        var count = 0
        while nanoseconds() - start < seconds * 1_000_000_000 {
            guard pwrite(file, record, recordBytes, off_t(count * recordBytes)) == recordBytes, fdatasync(file) == 0
            else { fail("write") }
            count += 1
        }
        report([
            "messages": Double(count), "seconds": Double(nanoseconds() - start) / 1e9,
            "bytes": Double(count * recordBytes),
        ])
    }
}
