import CLinux
import Glibc

/// The memory of this process, as the system and the allocator report it.
package enum ProcessMemory {
    /// What is in main memory; `nil` if the system does not report it.
    package static var residentBytes: Int? {
        guard let file = fopen("/proc/self/statm", "re") else { return nil }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 256)
        guard fgets(&text, Int32(text.count), file) != nil else { return nil }
        let words = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: " "))
        guard words.count > 1, let pages = words[1].withUnsafeBytes(parseDecimal) else { return nil }
        return Int(pages) * sysconf(Int32(_SC_PAGESIZE))
    }

    /// What was allocated and not freed.
    package static var allocatedBytes: Int { clinux_allocated_bytes() }

    /// Gives memory that was freed back to the system. Takes some milliseconds for each 100 MB, during which threads that allocate wait.
    package static func giveBackFreed() { clinux_trim_heap() }

    /// Makes all threads allocate from so few heaps: each keeps what was freed in it for itself. Call it before there are threads.
    package static func limitHeaps(_ count: Int) { clinux_limit_arenas(Int32(count)) }
}
