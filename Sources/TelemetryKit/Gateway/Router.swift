import TelemetryBase

/// Finds the route for a path.
struct Router: Sendable {
    private enum Segment {
        case text([UInt8])
        /// Captures any segment at this position, under this name.
        case capture(String)
    }

    let routes: [Route]
    /// Paths without captures, found by a single look-up.
    private let fixed: [String: Int]
    private let patterns: [(segments: [Segment], index: Int)]

    init(_ routes: [Route]) {
        self.routes = routes
        var fixed: [String: Int] = [:]
        var patterns: [(segments: [Segment], index: Int)] = []
        for (index, route) in routes.enumerated() {
            if route.path.contains("{") {
                let segments = route.path.split(separator: "/", omittingEmptySubsequences: false).map { text in
                    text.hasPrefix("{") ? Segment.capture(String(text.dropFirst().dropLast())) : .text(Array(text.utf8))
                }
                patterns.append((segments, index))
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
        /// A segment contains an invalid escape.
        case malformed
    }

    func match(_ path: String) -> Match {
        if let index = fixed[path] { return .route(routes[index], segments: [:]) }
        let bytes = Array(path.utf8)
        let given = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (segments, index) in patterns where Self.fit(segments, given) {
            var captured: [String: String] = [:]
            for case (.capture(let name), let text) in zip(segments, given) {
                guard let value = percentDecoded(text, plusIsSpace: false) else { return .malformed }
                captured[name] = value
            }
            return .route(routes[index], segments: captured)
        }
        return .none
    }

    private static func fit(_ segments: [Segment], _ given: [ArraySlice<UInt8>]) -> Bool {
        guard segments.count == given.count else { return false }
        for (segment, text) in zip(segments, given) {
            switch segment {
            case .text(let wanted): if !wanted.elementsEqual(text) { return false }
            case .capture: if text.isEmpty { return false }
            }
        }
        return true
    }
}
