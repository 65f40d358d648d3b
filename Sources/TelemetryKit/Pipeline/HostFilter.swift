import Glibc

/// Which hosts' rows to take: `node1,node2` or `mtv5-dgx1-*`.
public struct HostFilter: Sendable, Hashable {
    /// Shell patterns (`*`, `?`, `[a-z]`); a host matches where one of them does. None: every host.
    public var patterns: [String]

    /// Hosts that one of the patterns matches; all, where there is none.
    public init(patterns: [String] = []) {
        self.patterns = patterns
    }

    /// Patterns with commas between them; blanks do not count.
    public init(_ text: String) {
        patterns = text.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
    }

    /// Whether rows of that host are taken.
    public func contains(_ hostname: String) -> Bool {
        patterns.isEmpty || patterns.contains { fnmatch($0, hostname, 0) == 0 }
    }
}
