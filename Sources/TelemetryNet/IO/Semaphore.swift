import Glibc

/// The system's semaphore, with a limit of time.
final class Semaphore: @unchecked Sendable {
    // Sound because the system's functions on it may be called from any thread.
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() {
        while sem_wait(semaphore) != 0 { precondition(errno == EINTR, "sem_wait: \(String(cString: strerror(errno)))") }
    }

    /// `false`: not signalled in that time.
    func wait(seconds: Int) -> Bool {
        var until = timespec()
        clock_gettime(CLOCK_REALTIME, &until)
        until.tv_sec += seconds
        while sem_timedwait(semaphore, &until) != 0 {
            if errno == ETIMEDOUT { return false }
        }
        return true
    }
}
