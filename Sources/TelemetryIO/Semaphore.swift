import Glibc

/// A system semaphore, with timed waits.
final class Semaphore: @unchecked Sendable {
    // Sound because the system's semaphore functions may be called from any thread.
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

    /// Returns `false` if the semaphore was not signalled within the time.
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
