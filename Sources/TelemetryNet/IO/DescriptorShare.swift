import Glibc

/// How a process divides its descriptors between connections and its own files: a flood of clients must neither keep a
/// log from beginning a file nor keep a health probe out.
package struct DescriptorShare: Sendable {
    /// From this one on clients of the queue are refused, and HTTP connections that wait for their clients are closed.
    package let firstKept: Int32
    /// From this one on descriptors are for files alone.
    package let end: Int32

    package init() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        self.init(limit: Int32(clamping: limit.rlim_cur))
    }

    /// The last 64 descriptors are kept, of fewer than 256 the last quarter; a quarter of these is for HTTP.
    package init(limit: Int32) {
        let kept = min(limit / 4, 64)
        firstKept = limit - kept
        end = limit - kept / 4 * 3
    }
}
