import Synchronization
import TelemetryModels

/// The times of a block as distances from its first, in strictly ascending order.
///
/// Blocks share equal columns: an exporter's series are all scraped at the same moments, so the jitter of a scrape is
/// stored once and not once per sample.
final class TimeColumn: Hashable, Sendable {
    let count: Int
    /// The unit as a power of a thousand nanoseconds (1 byte), and an ``IntegerColumn`` of distances in that unit.
    private let bytes: [UInt8]

    init(_ times: UnsafeBufferPointer<Int64>) {
        count = times.count
        let first = times[0]
        bytes = withUnsafeTemporaryAllocation(of: Int64.self, capacity: times.count) { distances in
            var exponent: UInt8 = 3
            var unit: UInt64 = 1_000_000_000
            // Distances may exceed half the range of 64 bits; all operations on them are valid modulo 2^64.
            while unit > 1, times.contains(where: { UInt64(bitPattern: $0 &- first) % unit != 0 }) {
                exponent -= 1
                unit /= 1000
            }
            for i in 0..<times.count {
                distances.initializeElement(at: i, to: Int64(bitPattern: UInt64(bitPattern: times[i] &- first) / unit))
            }
            let plan = IntegerColumn.planTimes(
                UnsafeBufferPointer(distances), rounding: Int64(max(1, 1_000_000 / unit)))
            var bytes = [exponent]
            bytes.reserveCapacity(1 + IntegerColumn.byteCount(plan, count: times.count) + IntegerColumn.padding)
            IntegerColumn.write(plan, UnsafeBufferPointer(distances), to: &bytes)
            for _ in 0..<IntegerColumn.padding { bytes.append(0) }
            return bytes
        }
    }

    /// Writes ``count`` times; the first one is given.
    func read(from first: Int64, into times: UnsafeMutablePointer<Int64>) {
        bytes.withUnsafeBytes { bytes in
            IntegerColumn.read(count, from: bytes.baseAddress! + 1, into: times)
            let unit = (0..<bytes[0]).reduce(Int64(1)) { unit, _ in unit * 1000 }
            for i in 0..<count { times[i] = times[i] &* unit &+ first }
        }
    }

    /// Includes its entry in ``TimeColumns``.
    var byteCount: Int { allocated(16 + 16) + allocated(32 + bytes.count) + 32 }

    static func == (a: TimeColumn, b: TimeColumn) -> Bool { a === b || (a.count == b.count && a.bytes == b.bytes) }

    func hash(into hasher: inout Hasher) {
        hasher.combine(bytes.withUnsafeBytes { StableHash.hash($0, seed: UInt64(count)) })
    }
}

/// The columns of times that a store's blocks use, each stored once.
final class TimeColumns: Sendable {
    private struct State {
        /// The number of blocks that use it.
        var users: [TimeColumn: Int] = [:]
        var byteCount = 0
        /// The last column created, uncompressed: series that are sealed one after another usually have the same times.
        var recent: TimeColumn?
        var recentDistances: [Int64] = []
    }

    private let state = Mutex(State())

    /// The bytes of all columns in use.
    var byteCount: Int { state.withLock { $0.byteCount } }

    /// Returns the column of these times, for a block that uses it until ``release(_:)``.
    func column(of times: UnsafeBufferPointer<Int64>) -> TimeColumn {
        let first = times[0]
        // The pointer is only read, and only during the call.
        nonisolated(unsafe) let column = times
        let known = state.withLock { state -> TimeColumn? in
            guard let recent = state.recent, recent.count == column.count,
                (0..<column.count).allSatisfy({ column[$0] &- first == state.recentDistances[$0] })
            else { return nil }
            state.users[recent]! += 1
            return recent
        }
        if let known { return known }
        let new = TimeColumn(times)
        let distances = times.map { $0 &- first }
        return state.withLock { state in
            var shared = new
            if let index = state.users.index(forKey: new) {
                shared = state.users[index].key
                state.users.values[index] += 1
            } else {
                state.users[new] = 1
                state.byteCount += new.byteCount
            }
            state.recent = shared
            state.recentDistances = distances
            return shared
        }
    }

    func release(_ column: TimeColumn) {
        state.withLock { state in
            let users = state.users[column]!
            if users > 1 {
                state.users[column] = users - 1
            } else {
                state.users[column] = nil
                state.byteCount -= column.byteCount
                if state.recent === column { state.recent = nil }
            }
        }
    }
}

/// The memory used by an allocation of that size: glibc's malloc adds a word and rounds up to 16 bytes.
func allocated(_ bytes: Int) -> Int { max(32, (bytes + 8 + 15) & ~15) }
