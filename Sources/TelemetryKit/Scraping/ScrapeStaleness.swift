/// Tracks which series are present and which have vanished, using successful scrapes only, so that an unavailable
/// exporter makes no series stale.
///
/// Series are indices from 0; they need not have been seen.
struct ScrapeStaleness: Sendable {
    /// For each series, the number of the last scrape that contained it, counted from 1; 0 if there is none yet.
    private var lastSeen: [Int] = []
    private var scrape = 0

    /// The number of series in the last successful scrape.
    private(set) var live = 0
    private(set) var stale = 0
    /// The series changed by the last successful scrape, ordered by index.
    private(set) var vanished: [UInt32] = []
    private(set) var returned: [UInt32] = []

    /// Begins a successful scrape.
    mutating func begin() {
        scrape += 1
        live = 0
        vanished.removeAll()
        returned.removeAll()
    }

    /// Records that the scrape contains the series; repeated calls have no effect.
    mutating func see(_ series: UInt32) {
        let index = Int(series)
        while index >= lastSeen.count { lastSeen.append(0) }
        guard lastSeen[index] != scrape else { return }
        live += 1
        if lastSeen[index] > 0, lastSeen[index] < scrape - 1 { returned.append(series) }
        lastSeen[index] = scrape
    }

    mutating func end() {
        stale = 0
        returned.sort()
        for (index, seen) in lastSeen.enumerated() where seen > 0 && seen < scrape {
            stale += 1
            if seen == scrape - 1 { vanished.append(UInt32(index)) }
        }
    }

    func isLive(_ series: UInt32) -> Bool { Int(series) < lastSeen.count && lastSeen[Int(series)] == scrape }

    /// Renumbers series, or removes them.
    mutating func renumber(_ numbers: [UInt32?]) {
        lastSeen = lastSeen.indices.filter { numbers[$0] != nil }.map { lastSeen[$0] }
        stale = lastSeen.count { $0 > 0 && $0 < scrape }
    }
}
