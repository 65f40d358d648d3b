import TelemetryNet

/// Finds the route of a path.
struct Router: Sendable {
    let routes: [Route]
    /// Paths without captures, found at once.
    private let fixed: [String: Int]
    private let patterns: [(segments: [String], index: Int)]

    init(_ routes: [Route]) {
        self.routes = routes
        var fixed: [String: Int] = [:]
        var patterns: [(segments: [String], index: Int)] = []
        for (index, route) in routes.enumerated() {
            if route.path.contains("{") {
                patterns.append((Self.segments(route.path), index))
            } else {
                fixed[route.path] = index
            }
        }
        self.fixed = fixed
        self.patterns = patterns
    }

    enum Match {
        case route(Route, segments: [String: String])
        case none
        /// A segment holds a broken escape.
        case malformed
    }

    func match(_ path: String) -> Match {
        if let index = fixed[path] { return .route(routes[index], segments: [:]) }
        let given = Self.segments(path)
        for (segments, index) in patterns where segments.count == given.count {
            var captured: [String: String] = [:]
            var fits = true
            for (pattern, text) in zip(segments, given) {
                if pattern.hasPrefix("{") {
                    guard let value = percentDecoded(text, plusIsSpace: false) else { return .malformed }
                    guard !value.isEmpty else {
                        fits = false
                        break
                    }
                    captured[String(pattern.dropFirst().dropLast())] = value
                } else if pattern != text {
                    fits = false
                    break
                }
            }
            if fits { return .route(routes[index], segments: captured) }
        }
        return .none
    }

    private static func segments(_ path: String) -> [String] {
        path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    }
}
