/// Which series are there, and which were: told by the good scrapes alone, so that an exporter that is away makes none of them stale.
///
/// Series are numbers from 0; they need not have been seen.
struct ScrapeStaleness: Sendable {
    /// For every series the scrape that had it last, counted from 1; 0: none yet.
    private var lastSeen: [Int] = []
    private var scrape = 0

    /// Of the last good scrape.
    private(set) var live = 0
    private(set) var stale = 0
    /// Of these, what the last good scrape changed. In the order of their numbers.
    private(set) var vanished: [UInt32] = []
    private(set) var returned: [UInt32] = []

    /// A good scrape follows.
    mutating func begin() {
        scrape += 1
        live = 0
        vanished.removeAll()
        returned.removeAll()
    }

    /// The scrape has the series, no matter how often.
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

    /// Series have new numbers, or are forgotten.
    mutating func renumber(_ numbers: [UInt32?]) {
        lastSeen = lastSeen.indices.filter { numbers[$0] != nil }.map { lastSeen[$0] }
        stale = lastSeen.count { $0 > 0 && $0 < scrape }
    }
}
