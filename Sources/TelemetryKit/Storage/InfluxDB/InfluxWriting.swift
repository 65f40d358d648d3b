import TelemetryNet

/// Why a database took not all lines of a write (HTTP 400, 413 or 422).
struct WriteRefusal: Sendable {
    var status: Int
    /// With the database's address and words.
    var message: String
    /// How many lines the database says that it left out; `nil` where it does not say.
    var dropped: Int?
    /// Reasons by the line's number in the body, from 1; of 3.x, and of its first hundred at most.
    var listed: [Int: String] = [:]

    /// A write of which only samples older than the retention period were left out.
    var isBeyondRetention: Bool { message.contains("points beyond retention policy") }
}

extension DatabaseHTTP {
    static let refusals: Set<Int> = [400, 413, 422]

    /// Returns `nil` where all lines are stored. Throws what may pass, and what is no matter of single lines.
    func write(_ lines: [UInt8], to path: String, query: [(String, String)]) async throws -> WriteRefusal? {
        let response = try await send("POST", path, query: query, body: .lines(lines), accepting: Self.refusals)
        guard Self.refusals.contains(response.status) else { return nil }
        let refusal = WriteRefusal(response, message: Self.error(of: response, to: "POST \(url)\(path)?\(formEncoded(query))").message)
        return refusal.isBeyondRetention ? nil : refusal
    }
}

extension WriteRefusal {
    init(_ response: CurlResponse, message: String) {
        self.init(status: response.status, message: message, dropped: Self.dropped(response.text), listed: Self.listed(response.body))
    }

    /// Of `partial write: … dropped=2`.
    private static func dropped(_ text: String) -> Int? {
        text.ranges(of: "dropped=").last.flatMap { Int(text[$0.upperBound...].prefix { $0.isASCII && $0.isNumber }) }
    }

    /// Of `{"error":"…","data":[{"original_line":"…","line_number":2,"error_message":"…"}]}`.
    private static func listed(_ body: [UInt8]) -> [Int: String] {
        let found = body.withUnsafeBytes { bytes in
            Result { () throws(JSONError) in
                var reader = JSONReader(bytes)
                var found: [Int: String] = [:]
                try reader.beginObject()
                while let key = try reader.nextKey() {
                    guard key == "data", try reader.peek() == .array else {
                        _ = try reader.skipValue()
                        continue
                    }
                    try reader.beginArray()
                    while try reader.nextElement() {
                        var number: Int64?
                        var reason = ""
                        try reader.beginObject()
                        while let member = try reader.nextKey() {
                            if member == "line_number" {
                                number = try reader.readInt64()
                            } else if member == "error_message" {
                                reason = try reader.readString()
                            } else {
                                _ = try reader.skipValue()
                            }
                        }
                        if let number, number > 0 { found[Int(number)] = reason }
                    }
                }
                return found
            }
        }
        // An answer of another form lists nothing.
        return (try? found.get()) ?? [:]
    }
}

/// Finds the lines that a database refuses, and stores all others.
///
/// What a refusal says of the rest is not relied on: 1.x answers as soon as one of its shards refuses, whatever the others do.
/// So every line ends in a request that was taken as a whole, or is refused by itself, by name, or with all of its request.
struct LineTriage: Sendable {
    struct Line: Sendable {
        /// Counted from 0 over all bodies of a write.
        var number: Int
        /// With the line feed.
        var bytes: ArraySlice<UInt8>

        /// The measurement and the name of the first field, which is the sample's: what a type belongs to.
        fileprivate var column: [UInt8] {
            let measurement = bytes.untilPlain(UInt8(ascii: ","))
            let set = bytes.untilPlain(UInt8(ascii: " "))
            return Array(measurement) + bytes[set.endIndex...].untilPlain(UInt8(ascii: "="))
        }
    }

    let write: @Sendable ([UInt8]) async throws -> WriteRefusal?

    /// - Parameter first: the number of the first line.
    static func lines(of body: [UInt8], first: Int) -> [Line] {
        var lines: [Line] = []
        var start = 0
        while let end = body[start...].firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(Line(number: first + lines.count, bytes: body[start...end]))
            start = end + 1
        }
        return lines
    }

    /// - Parameter refusal: what the database said to these lines.
    func settle(_ lines: [Line], _ refusal: WriteRefusal) async throws -> [RefusedSamples.Place] {
        let listed = refusal.listed.filter { lines.indices.contains($0.key - 1) }
        if !listed.isEmpty {
            let refused = listed.map { RefusedSamples.Place(number: lines[$0.key - 1].number, reason: "\(refusal.message): \($0.value)") }
            let rest = lines.enumerated().filter { listed[$0.offset + 1] == nil }.map(\.element)
            return refused + (try await store(rest))
        }
        if lines.count == 1 || refusal.dropped == lines.count {
            return lines.map { RefusedSamples.Place(number: $0.number, reason: refusal.message) }
        }
        var refused: [RefusedSamples.Place] = []
        for part in parts(of: lines, refusal) { refused += try await store(part) }
        return refused
    }

    private func store(_ lines: [Line]) async throws -> [RefusedSamples.Place] {
        guard !lines.isEmpty, let refusal = try await write(lines.flatMap(\.bytes)) else { return [] }
        return try await settle(lines, refusal)
    }

    /// By column, since that is what types and most limits belong to; within one, and where all is too large, by halves.
    private func parts(of lines: [Line], _ refusal: WriteRefusal) -> [[Line]] {
        if refusal.status != 413 {
            let groups = Dictionary(grouping: lines, by: \.column)
            if groups.count > 1 { return groups.values.sorted { $0[0].number < $1[0].number } }
        }
        let middle = lines.count / 2
        return [Array(lines[..<middle]), Array(lines[middle...])]
    }
}

extension ArraySlice<UInt8> {
    /// What stands before the first such byte that no backslash escapes. The writer leaves no backslash that is not an escape there.
    fileprivate func untilPlain(_ end: UInt8) -> ArraySlice<UInt8> {
        var previous: UInt8 = 0
        return prefix { byte in
            defer { previous = byte }
            return byte != end || previous == UInt8(ascii: "\\")
        }
    }
}
