import TelemetryHTTP
import TelemetryModels
import TelemetryStores

/// One page of samples, by time in either order, and the start of the next page.
struct SamplePage: Sendable {
    var items: [GPUMetric]
    /// The number of samples of all pages; `nil` if a cursor was given, since they are not counted again.
    var total: Int?
    /// `nil` if this is the last page.
    var next: PageCursor?

    static func read(
        _ store: any TelemetryStore, _ filter: SampleFilter, order: PageCursor.Order, limit: Int, offset: Int,
        cursor: PageCursor?
    ) async throws -> SamplePage {
        if let cursor, cursor.order != order {
            throw APIError.badRequest(
                "cursor belongs to a page in the order \(cursor.order.rawValue), but order=\(order.rawValue)")
        }
        // One more than the limit shows whether there is a next page.
        let wanted = min(limit, .max - 1) + 1
        var page =
            switch order {
            case .asc: try await oldestFirst(store, filter, limit: wanted, offset: offset, after: cursor?.position)
            case .desc: try await newestFirst(store, filter, limit: wanted, offset: offset, before: cursor?.position)
            }
        if page.items.count > limit {
            page.items.removeLast(page.items.count - limit)
            page.next = page.items.last.map { PageCursor(order: order, position: SampleCursor($0)) }
        }
        return page
    }

    private static func oldestFirst(
        _ store: any TelemetryStore, _ filter: SampleFilter, limit: Int, offset: Int, after: SampleCursor?
    ) async throws -> SamplePage {
        let page = try await store.telemetry(
            TelemetryQuery(filter, limit: limit, offset: offset, after: after, countsTotal: after == nil))
        return SamplePage(items: page.items, total: after == nil ? page.total : nil)
    }

    /// Stores return the oldest samples first: the page is counted from the end, and reversed.
    private static func newestFirst(
        _ store: any TelemetryStore, _ filter: SampleFilter, limit: Int, offset: Int, before: SampleCursor?
    ) async throws -> SamplePage {
        var filter = filter
        var skipped = 0
        if let before {
            let end = min(filter.endTime ?? before.timestamp, before.timestamp)
            if let start = filter.startTime, start > end { return SamplePage(items: []) }
            filter.endTime = end
            if end == before.timestamp {
                var sameTime = filter
                sameTime.startTime = end
                // Samples at or after the cursor were on previous pages.
                skipped = try await store.telemetry(TelemetryQuery(sameTime, countsTotal: false)).items.count {
                    SampleCursor($0) >= before
                }
            }
        }
        let total = try await store.telemetry(TelemetryQuery(filter, limit: 1)).total
        let (end, under) = (total - skipped).subtractingReportingOverflow(offset)
        guard !under, end > 0 else { return SamplePage(items: [], total: before == nil ? total : nil) }
        let start = max(0, end - limit)
        let items = try await store.telemetry(
            TelemetryQuery(filter, limit: end - start, offset: start, countsTotal: false)
        ).items
        return SamplePage(items: items.reversed(), total: before == nil ? total : nil)
    }

    /// `{"data":[…],"count":n,"total":N,"next":"…"}`, and the next page's address as `Link` (RFC 8288).
    func response(to request: HTTPRequest, _ gateway: GatewayCore) throws -> HTTPResponse {
        let writers = gateway.sampleWriters
        var response = try Responses.list(items, self, as: Shapes.telemetryList, gateway) {
            let writer = writers.borrow()
            return { writer.append($1, to: &$0) }
        }
        if let next = next?.description {
            response.headers.append(Self.link(to: request, ["cursor": next], without: ["cursor", "offset"]))
        }
        return response
    }

    /// The address of the next page of a list: that of the request, with other parameters.
    static func link(
        to request: HTTPRequest, _ parameters: KeyValuePairs<String, String>, without removed: [String]
    ) -> (name: String, value: String) {
        var address = request.path
        var mark: StaticString = "?"
        func add(_ pair: some StringProtocol) {
            address += "\(mark)\(pair)"
            mark = "&"
        }
        for pair in request.query.split(separator: "&")
        where !removed.contains(where: { $0 == pair.prefix { $0 != "=" } }) { add(pair) }
        for (name, value) in parameters { add("\(name)=\(value)") }
        // The client's text is visible ASCII; this character would end the address.
        if address.utf8.contains(UInt8(ascii: ">")) { address = address.replacing(">", with: "%3E") }
        return ("Link", "<\(address)>; rel=\"next\"")
    }
}
