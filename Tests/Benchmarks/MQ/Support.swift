import BenchmarkSupport
import CLinux
import Glibc
import TelemetryIO

/// A connected, non-blocking socket to a port of this machine.
func connectToLoopback(_ port: Int) -> Int32 {
    let fd = must("connect to port \(port)") {
        try Socket.beginConnect(SocketAddress.resolve(host: "127.0.0.1", port: port)[0])
    }
    wait(fd, for: POLLOUT)
    let code = Socket.connectResult(fd)
    guard code == 0 else { fail("connect to port \(port): \(String(cString: strerror(code)))") }
    return fd
}

func wait(_ fd: Int32, for events: Int32) {
    var item = pollfd(fd: fd, events: Int16(events), revents: 0)
    _ = poll(&item, 1, -1)
}

func sendAll(_ fd: Int32, _ bytes: [UInt8]) {
    bytes.withUnsafeBytes { buffer in
        var sent = 0
        while sent < buffer.count {
            if let count = must("send", { try Socket.write(fd, UnsafeRawBufferPointer(rebasing: buffer[sent...])) }) {
                sent += count
            } else {
                wait(fd, for: POLLOUT)
            }
        }
    }
}

/// An epoll of this thread; events carry the index that the descriptor was added with.
struct Poller {
    private let epoll = epoll_create1(0)
    private let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: 512)

    func add(_ fd: Int32, index: Int, _ mask: UInt32) {
        var event = epoll_event(events: mask, data: epoll_data_t(u64: UInt64(index)))
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 else { fail("epoll_ctl") }
    }

    func change(_ fd: Int32, index: Int, _ mask: UInt32) {
        var event = epoll_event(events: mask, data: epoll_data_t(u64: UInt64(index)))
        epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event)
    }

    /// Waits, and calls back with index and event mask of each descriptor that is ready.
    func wait(_ body: (Int, UInt32) -> Void) {
        let count = epoll_wait(epoll, events, 512, -1)
        for i in 0..<max(0, Int(count)) { body(Int(events[i].data.u64), events[i].events) }
    }
}

let readable = EPOLLIN.rawValue
let writable = EPOLLOUT.rawValue
