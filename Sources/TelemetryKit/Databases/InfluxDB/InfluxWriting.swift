import TelemetryBase
import TelemetryHTTPClient
import TelemetryModels
import TelemetryStores

extension DatabaseHTTP {
    static let refusals: Set<Int> = [400, 413, 422]

    /// Returns `nil` if all lines are stored, or older than the retention period. Throws temporary errors, and errors
    /// that concern the request rather than its lines.
    func write(_ lines: [UInt8], to path: String, query: [(String, String)]) async throws -> WriteRefusal? {
        let response = try await send("POST", path, query: query, body: .lines(lines), accepting: Self.refusals)
        guard Self.refusals.contains(response.status) else { return nil }
        let refusal = WriteRefusal(
            response, message: Self.error(of: response, to: "POST \(url)\(path)?\(formEncoded(query))").message)
        guard refusal.cause == .tooOld else { return refusal }
        expired.add(refusal.dropped ?? 0)
        return nil
    }

    /// Checks whether writing is allowed: a write of no lines, which the databases evaluate after the permissions and
    /// the bucket.
    func mayWrite(to path: String, query: [(String, String)]) async throws {
        _ = try await send("POST", path, query: query, body: .lines([]), accepting: Self.refusals)
    }
}

/// Finds the lines that a database refuses, and stores all others.
///
/// The refusal's statements about the other lines are not relied on: 1.x responds as soon as one of its shards refuses,
/// whatever the others do. Every line therefore ends in a request that was accepted as a whole, or is refused
/// individually, by name, or with its whole request. A refused line costs about 2 log n requests. After
/// ``maximumRefusals`` the undecided lines are refused as a whole, with the reason: no response, however it is worded,
/// causes an unlimited number of requests. Lines among these that the database did store are dead letters too, which
/// does no harm: storing them again changes nothing.
struct LineTriage: Sendable {
    struct Line: Sendable {
        /// The index, counted from 0 over all bodies of a write.
        var number: Int
        /// The text with the line feed.
        var bytes: ArraySlice<UInt8>

        /// The measurement and the name of the first field, which is the sample's: the column that has a type.
        fileprivate var column: [UInt8] {
            let measurement = bytes.untilPlain(UInt8(ascii: ","))
            let set = bytes.untilPlain(UInt8(ascii: " "))
            return Array(measurement) + bytes[set.endIndex...].untilPlain(UInt8(ascii: "="))
        }

        /// The time in nanoseconds: the last word of the line.
        fileprivate var time: Int64 {
            let end = bytes.dropLast()
            let start = end.lastIndex(of: UInt8(ascii: " ")).map { $0 + 1 } ?? end.startIndex
            return Int64(String(decoding: end[start...], as: UTF8.self)) ?? 0
        }
    }

    /// The maximum number of refused requests per body; each leads to at most two others.
    static let maximumRefusals = 128
    /// The maximum number of requests per body that are too large, which also lead to two others each, and contain no
    /// information about the lines.
    static let maximumDivisions = 2048

    let write: @Sendable ([UInt8]) async throws -> WriteRefusal?
    /// Counts lines that were omitted because of their age.
    var expired: @Sendable (Int) -> Void = { _ in }
    /// Nanoseconds since 1970.
    var now = Timestamp.now.nanoseconds

    /// - Parameter first: The index of the first line.
    static func lines(of body: [UInt8], first: Int) -> [Line] {
        var lines: [Line] = []
        var start = 0
        while let end = body[start...].firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(Line(number: first + lines.count, bytes: body[start...end]))
            start = end + 1
        }
        return lines
    }

    /// - Parameter refusal: The database's response to these lines.
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

    /// Records the lines that are refused, and returns the parts to be sent again.
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
                // The other lines were omitted because of their age.
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

    /// Splits by columns, because types and most limits belong to columns; within a column, and if everything is too
    /// large, by lines.
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
    /// The bytes before the first such byte that is not escaped by a backslash. The writer produces no backslash that
    /// is not an escape there.
    fileprivate func untilPlain(_ end: UInt8) -> ArraySlice<UInt8> {
        var previous: UInt8 = 0
        return prefix { byte in
            defer { previous = byte }
            return byte != end || previous == UInt8(ascii: "\\")
        }
    }
}
