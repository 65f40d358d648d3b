import TelemetryHTTPClient
import TelemetryModels
import TelemetryNet
import TelemetryStores

extension DatabaseHTTP {
    static let refusals: Set<Int> = [400, 413, 422]

    /// Returns `nil` where all lines are stored, or older than the retention period. Throws what may pass, and what
    /// concerns the request rather than its lines.
    func write(_ lines: [UInt8], to path: String, query: [(String, String)]) async throws -> WriteRefusal? {
        let response = try await send("POST", path, query: query, body: .lines(lines), accepting: Self.refusals)
        guard Self.refusals.contains(response.status) else { return nil }
        let refusal = WriteRefusal(
            response, message: Self.error(of: response, to: "POST \(url)\(path)?\(formEncoded(query))").message)
        guard refusal.cause == .tooOld else { return refusal }
        expired.add(refusal.dropped ?? 0)
        return nil
    }

    /// Whether writing is allowed there: a write of no lines, which the databases judge after the rights and the
    /// bucket.
    func mayWrite(to path: String, query: [(String, String)]) async throws {
        _ = try await send("POST", path, query: query, body: .lines([]), accepting: Self.refusals)
    }
}

/// Finds the lines that a database refuses, and stores all others.
///
/// What a refusal says of the rest is not relied on: 1.x responds as soon as one of its shards refuses, whatever the
/// others do. So every line ends in a request that was taken as a whole, or is refused by itself, by name, or with all
/// of its request. A refused line costs about 2 log n requests. After ``maximumRefusals`` what is still unsettled is
/// refused as a whole, with the reason: so no response, however it is worded, makes requests without end. Lines among
/// these that the database did store are dead letters too, which does no harm: storing them again changes nothing.
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

        /// Nanoseconds: the last word.
        fileprivate var time: Int64 {
            let end = bytes.dropLast()
            let start = end.lastIndex(of: UInt8(ascii: " ")).map { $0 + 1 } ?? end.startIndex
            return Int64(String(decoding: end[start...], as: UTF8.self)) ?? 0
        }
    }

    /// Refused requests of one body; each leads to two others at most.
    static let maximumRefusals = 128
    /// Requests of one body that are too large, which lead to two others each too, and say nothing of the lines.
    static let maximumDivisions = 2048

    let write: @Sendable ([UInt8]) async throws -> WriteRefusal?
    /// Counts lines that were left out for their age.
    var expired: @Sendable (Int) -> Void = { _ in }
    /// Nanoseconds since 1970.
    var now = Timestamp.now.nanoseconds

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
        var refused: [RefusedSamples.Place] = []
        var pending = decide(lines, refusal, &refused).map { (lines: $0, refusal: refusal) }
        var (refusals, divisions) = (0, 0)
        // The oldest first, so that when the requests are used up small parts are left rather than a half.
        var next = 0
        while next < pending.count {
            let (lines, before) = pending[next]
            next += 1
            guard refusals < Self.maximumRefusals, divisions < Self.maximumDivisions else {
                let reason =
                    "\(before.message) (one of \(lines.count) lines that were not tried one by one, after \(refusals + divisions) refusals)"
                refused += lines.map { RefusedSamples.Place(number: $0.number, reason: reason) }
                continue
            }
            guard let refusal = try await write(lines.flatMap(\.bytes)) else { continue }
            if refusal.status == 413 { divisions += 1 } else { refusals += 1 }
            pending += decide(lines, refusal, &refused).map { ($0, refusal) }
        }
        return refused
    }

    /// Notes the lines that are refused, and returns the parts that are to be sent again.
    private func decide(_ lines: [Line], _ refusal: WriteRefusal, _ refused: inout [RefusedSamples.Place]) -> [[Line]] {
        let listed = refusal.listed.filter { lines.indices.contains($0.key - 1) }
        if !listed.isEmpty {
            refused += listed.map {
                RefusedSamples.Place(number: lines[$0.key - 1].number, reason: "\(refusal.message): \($0.value)")
            }
            let rest = lines.enumerated().filter { listed[$0.offset + 1] == nil }.map(\.element)
            return rest.isEmpty ? [] : [rest]
        }
        if refusal.cause == .outsideWindow {
            let ahead = lines.filter { $0.time > now }
            if ahead.isEmpty {
                // What lies behind was left out for its age.
                expired(refusal.dropped ?? 0)
                return []
            }
            if ahead.count < lines.count { return [lines.filter { $0.time <= now }, ahead] }
        }
        if lines.count == 1 || refusal.dropped == lines.count {
            refused += lines.map { RefusedSamples.Place(number: $0.number, reason: refusal.message) }
            return []
        }
        return halves(of: lines, refusal)
    }

    /// By columns, since that is what types and most limits belong to; within one, and where all is too large, by
    /// lines.
    private func halves(of lines: [Line], _ refusal: WriteRefusal) -> [[Line]] {
        if refusal.status != 413 {
            let groups = Dictionary(grouping: lines, by: \.column).values.sorted { $0[0].number < $1[0].number }
            if groups.count > 1 {
                return [groups[..<(groups.count / 2)], groups[(groups.count / 2)...]].map { $0.flatMap { $0 } }
            }
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
