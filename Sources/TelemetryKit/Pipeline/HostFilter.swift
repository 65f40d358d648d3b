import Glibc

/// The hosts whose rows are accepted: `node1,node2` or `mtv5-dgx1-*`.
public struct HostFilter: Sendable, Hashable {
    /// Shell patterns (`*`, `?`, `[a-z]`); a host is accepted if one of them matches. Without patterns, every host is
    /// accepted.
    public var patterns: [String]

    /// Creates a filter for hosts that match one of the patterns; all if there is none.
    public init(patterns: [String] = []) {
        self.patterns = patterns
    }

    /// Parses patterns separated by commas; blanks are ignored.
    public init(_ text: String) {
        patterns = text.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
    }

    /// Returns whether rows of that host are accepted.
    public func contains(_ hostname: String) -> Bool {
        patterns.isEmpty || patterns.contains { fnmatch($0, hostname, 0) == 0 }
    }
}
