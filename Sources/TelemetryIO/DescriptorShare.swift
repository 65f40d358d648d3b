import Glibc
import TelemetryBase

/// How a process divides its descriptors between connections and its own files: a flood of clients must neither prevent
/// a log from starting a new file nor block health probes.
package struct DescriptorShare: Sendable {
    /// From this descriptor on, queue clients are refused, and idle HTTP connections are closed.
    package let firstKept: Int32
    /// From this descriptor on, descriptors are reserved for files.
    package let end: Int32

    package init() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        self.init(limit: Int32(clamping: limit.rlim_cur))
    }

    /// The last 64 descriptors are reserved, or the last quarter if there are fewer than 256; a quarter of these is for
    /// HTTP.
    package init(limit: Int32) {
        let kept = min(limit / 4, 64)
        firstKept = limit - kept
        end = limit - kept / 4 * 3
    }
}
