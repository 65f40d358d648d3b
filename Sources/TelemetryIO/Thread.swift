import CLinux
import Glibc

/// The number of threads that can run at the same time.
package let processorCount = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

/// Starts a thread that runs the body and ends with it.
///
/// - Parameter name: Shown by the system, truncated to 15 bytes.
package func startThread(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(ThreadBody(name: name, body: body))
    let code = pthread_create(
        &thread, nil,
        { argument in
            let thread = Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue()
            clinux_set_thread_name(String(thread.name.utf8.prefix(15))!)
            thread.body()
            return nil
        }, box.toOpaque())
    guard code == 0 else {
        box.release()
        throw SystemError("pthread_create", on: name, code: code)
    }
    pthread_detach(thread)
}

private final class ThreadBody: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}
