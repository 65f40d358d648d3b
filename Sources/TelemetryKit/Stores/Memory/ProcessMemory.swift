import CLinux
import Glibc
import TelemetryBase

/// The memory of this process, as the system and the allocator report it, for programs with a ``MemoryStore``.
///
/// The allocator keeps freed memory between parts that are still in use, and separately for each of its heaps. A
/// process whose store evicts samples can therefore take a multiple of the store's limit, unless it calls
/// ``limitHeaps(_:)`` at its start and ``giveBackFreed()`` now and then. Safe to use from any thread.
public enum ProcessMemory {
    /// The resident memory in bytes; `nil` if the system does not report it.
    public static var residentBytes: Int? {
        guard let file = fopen("/proc/self/statm", "re") else { return nil }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 256)
        guard fgets(&text, Int32(text.count), file) != nil else { return nil }
        let words = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: " "))
        guard words.count > 1, let pages = words[1].withUnsafeBytes(parseDecimal) else { return nil }
        return Int(pages) * sysconf(Int32(_SC_PAGESIZE))
    }

    /// The bytes allocated and not yet freed.
    public static var allocatedBytes: Int { clinux_allocated_bytes() }

    /// Returns freed memory to the system. Takes some milliseconds per 100 MB, during which threads that allocate wait.
    public static func giveBackFreed() { clinux_trim_heap() }

    /// Limits the number of heaps that threads allocate from: each heap keeps the memory that was freed in it. Call it
    /// before any threads start.
    ///
    /// - Parameter count: the maximum number of heaps, at least 1. Default: one for each processor, at least 2.
    public static func limitHeaps(_ count: Int = max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) {
        clinux_limit_arenas(Int32(clamping: count))
    }
}
