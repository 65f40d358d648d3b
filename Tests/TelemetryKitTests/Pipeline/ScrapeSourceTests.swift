import FaultSupport
import Synchronization
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryScraping

@Suite("Scraping over HTTP", .timeLimit(.minutes(20)))
struct ScrapeSourceTests {
    /// What a source told while it ran.
    final class Events: Sendable {
        private let list = Mutex<[ScrapeEvent]>([])
        var all: [ScrapeEvent] { list.withLock { $0 } }
        func add(_ event: ScrapeEvent) { list.withLock { $0.append(event) } }
    }

    static func source(
        _ url: String, clock: PipelineClock = LeapingClock().clock, events: Events = Events(),
        _ change: (inout ScrapeSource.Configuration) -> Void = { _ in }
    ) throws(ScrapeError) -> ScrapeSource {
        var configuration = ScrapeSource.Configuration(url: url, source: "test")
        configuration.onEvent = { events.add($0) }
        change(&configuration)
        return try ScrapeSource(configuration, clock: clock)
    }

    @Test("scrapes follow at the interval over one connection, with the token and what may be answered")
    func scrapes() async throws {
        let server = try ScriptedServer { _ in
            .answer(200, ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"], ScrapeExporter().text)
        }
        defer { server.stop() }
        let time = LeapingClock()
        var source = try Self.source(server.url + "/metrics?x=y", clock: time.clock) { $0.bearerToken = "secret" }
        var first = ScrapeProgress()
        first.interval = .seconds(15)
        #expect(source.progress.scraping == first)
        for scrape in 0..<4 {
            let batch = try #require(try await source.next())
            #expect(batch.count == 4 && batch.source == "test")
            #expect(Set(batch.timestamps) == [ScrapeTextTests.start.nanoseconds + Int64(scrape) * 15_000_000_000])
        }
        #expect(time.sleeps == [.seconds(15), .seconds(15), .seconds(15)])
        #expect(server.requests.map(\.connection) == [0, 0, 0, 0])
        for request in server.requests {
            #expect(request.method == "GET" && request.target == "/metrics?x=y")
            #expect(request.headers["authorization"] == "Bearer secret")
            #expect(request.headers["accept"]?.hasPrefix("text/plain;version=0.0.4") == true)
        }
        let progress = try #require(source.progress.scraping)
        #expect(progress.scrapes == 4 && progress.failures == 0 && progress.lastFailure == nil && progress.skipped == 0)
        #expect(progress.liveSeries == 4 && progress.staleSeries == 0)
        #expect(progress.lastSuccess?.nanoseconds == ScrapeTextTests.start.nanoseconds + 45_000_000_000)
        #expect(source.progress.rowsRead == 16 && source.progress.bytesRead == ScrapeExporter().text.utf8.count)
    }

    @Test("a large answer becomes several batches; in pieces it is the same")
    func batches() async throws {
        let text = ScrapeExporter().text
        let pieces = stride(from: 0, to: text.count, by: 100).map { String(text.dropFirst($0).prefix(100)) }
        let server = try ScriptedServer { _ in .chunks(pieces) }
        defer { server.stop() }
        var source = try Self.source(server.url) { $0.batchSize = 3 }
        var batches: [MetricBatch] = []
        for _ in 0..<4 { batches.append(try #require(try await source.next())) }
        #expect(batches.map(\.count) == [3, 1, 3, 1])
        #expect(Set(batches.map(\.batchID)).count == 4)
        #expect(server.requests.count == 2)
    }

    @Test("a scrape that takes longer than the interval leaves out what it missed")
    func slow() async throws {
        let time = LeapingClock()
        let server = try ScriptedServer { request in
            if request.path == "/metrics" { time.advance(by: .seconds(20)) }
            return .answer(200, [:], ScrapeExporter().text)
        }
        defer { server.stop() }
        var source = try Self.source(server.url + "/metrics", clock: time.clock)
        for _ in 0..<3 { #expect(try await source.next()?.count == 4) }
        #expect(time.sleeps == [.seconds(10), .seconds(10)])
        #expect(source.progress.scraping?.skipped == 3)
        #expect(source.progress.scraping?.lastDuration == .seconds(20))
    }

    /// What the server does, how the reason goes on behind the address, and the timeout.
    static let failures: [(ScriptedServer.Reply, String, Duration)] = [
        (.answer(503, [:], "busy"), "HTTP 503", .seconds(10)),
        (.answer(401), "HTTP 401", .seconds(10)),
        (.answer(204), "HTTP 204", .seconds(10)),
        (
            .answer(302, ["Location": "http://me:pw@elsewhere/x?key=pw"]),
            "HTTP 302: redirects are not followed, and this one points to http://elsewhere/x?…", .seconds(10)
        ),
        (
            .answer(200, ["Content-Type": "text/html"], "<html>\n"), "not the Prometheus text format: http://",
            .seconds(10)
        ),
        (
            .answer(200, ["Content-Type": "application/openmetrics-text; version=1.0.0"], "a{UUID=\"1\"} 1 1\n# EOF\n"),
            "the response is OpenMetrics", .seconds(10)
        ),
        (
            .answer(200, [:], "a{UUID=\"1\"} 1" + String(repeating: "\n", count: 2_000)),
            "the body is longer than 1500 bytes", .seconds(10)
        ),
        (.reset, "", .seconds(10)),
        (.cutShort, "", .seconds(10)),
        (.silence, "", .milliseconds(50)),
        (.stalled("a{UUID=\"1\"} 1\n"), "", .milliseconds(50)),
    ]

    @Test(
        "a scrape that fails gives nothing and is told; the next is tried when it is due", arguments: failures.indices)
    func failure(index: Int) async throws {
        let (reply, reason, timeout) = Self.failures[index]
        let good = String(ScrapeExporter().text.prefix { $0 != "\n" }) + "\na{UUID=\"1\"} 7\n"
        let events = Events()
        let isFirst = Atomic(true)
        // By what was told, not by requests: libcurl asks a second time where a connection that it kept is gone.
        let server = try ScriptedServer { _ in
            isFirst.exchange(false, ordering: .relaxed) || events.all.count == 2 ? .answer(200, [:], good) : reply
        }
        defer { server.stop() }
        let time = LeapingClock()
        var source = try Self.source(server.url + "/metrics", clock: time.clock, events: events) {
            $0.maxBodyBytes = 1_500
            $0.timeout = timeout
        }
        #expect(try await source.next()?.values == [7])
        let first = source.progress
        #expect(try await source.next()?.values == [7])
        #expect(time.elapsed == .seconds(45))
        #expect(source.progress.scraping?.failures == 2 && source.progress.scraping?.scrapes == 2)
        #expect(source.progress.scraping?.lastFailure == nil)
        #expect(source.progress.rowsRead == 2 && source.progress.rejected.count == 0)
        // No series has vanished: nobody knows.
        try #require(events.all.count == 3)
        for (number, event) in events.all.prefix(2).enumerated() {
            guard case .failed(let told, number + 1) = event else {
                Issue.record("\(event)")
                continue
            }
            #expect(told.hasPrefix("\(server.url)/metrics: \(reason)"), "\(told)")
            #expect(told.count > "\(server.url)/metrics: ".count)
        }
        #expect(events.all[2] == .recovered(failures: 2))
        #expect(first.scraping?.lastSuccess == ScrapeTextTests.start)
    }

    @Test("while the exporter is away the last good scrape stands, with its age and the reason")
    func away() async throws {
        let server = try ScriptedServer { _ in .answer(200, ["Connection": "close"], ScrapeExporter().text) }
        let time = HandClock()
        let url = server.url.replacing("http://", with: "http://user:word@")
        let failed = AsyncStream<ScrapeEvent>.makeStream()
        var configuration = ScrapeSource.Configuration(url: url, source: "test")
        configuration.onEvent = { failed.continuation.yield($0) }
        let task = Task { [configuration] in
            var source = try ScrapeSource(configuration, clock: time.clock)
            let first = try await source.next()
            server.stop()
            let second = try await source.next()
            return (first?.count, second?.count, source.progress)
        }
        await time.sleeperArrives()
        time.advance(by: .seconds(15))
        for await event in failed.stream {
            // The password is not shown.
            guard case .failed(let reason, 1) = event else {
                Issue.record("\(event)")
                break
            }
            #expect(reason.hasPrefix(server.url + ": "))
            break
        }
        task.cancel()
        let (first, second, progress) = try await task.value
        #expect(first == 4 && second == nil)
        #expect(server.requests.first?.headers["authorization"] == "Basic dXNlcjp3b3Jk")
        #expect(progress.scraping?.failures == 1)
        #expect(progress.scraping?.lastFailure?.hasPrefix(server.url) == true)
        #expect(progress.scraping?.lastSuccess == Timestamp(nanoseconds: 0))
        #expect(progress.scraping?.liveSeries == 4 && progress.scraping?.staleSeries == 0)
    }

    @Test("a cancelled task gets what was collected and then the end")
    func cancellation() async throws {
        let server = try ScriptedServer { _ in .answer(200, [:], ScrapeExporter().text) }
        defer { server.stop() }
        let url = server.url
        let sizes = try await Task {
            var source = try Self.source(url) { $0.batchSize = 1 }
            var sizes = [try await source.next()?.count]
            withUnsafeCurrentTask { $0?.cancel() }
            while let batch = try await source.next() { sizes.append(batch.count) }
            return sizes
        }.value
        #expect(sizes == [1, 1, 1, 1])
        #expect(server.requests.count == 1)
    }

    @Test("cancellation ends a request that hangs, and is no failure")
    func cancelledRequest() async throws {
        let arrived = AsyncStream<Void>.makeStream()
        let left = AsyncStream<Void>.makeStream()
        let server = try ScriptedServer(onHangup: { left.continuation.yield() }) { _ in
            arrived.continuation.yield()
            return .silence
        }
        defer { server.stop() }
        let url = server.url
        let events = Events()
        let task = Task {
            var source = try Self.source(url, events: events) { $0.timeout = .seconds(3_600) }
            let batch = try await source.next()
            return (batch == nil, source.progress.scraping)
        }
        for await _ in arrived.stream { break }
        task.cancel()
        let (isEnd, progress) = try await task.value
        #expect(isEnd)
        #expect(progress?.failures == 0 && progress?.scrapes == 0)
        #expect(events.all.isEmpty)
        for await _ in left.stream { break }
    }

    @Test(
        "what cannot be scraped is an error at once",
        arguments: [
            (
                "host:9400/metrics",
                "\"host:9400/metrics\" is not a valid http or https URL, such as http://host:9400/metrics"
            ),
            ("ftp://host/", "is not a valid http or https URL"), ("", "is not a valid http or https URL"),
            ("http://host:0x50/", "is not a valid http or https URL"),
            // A password is not shown, even where nobody can tell what is one.
            ("http://me:secret@host:port/m", "\"http://host:port/m\" is not a valid http or https URL"),
        ])
    func badURL(url: String, reason: String) {
        let error = #expect(throws: ScrapeError.self) { _ = try Self.source(url) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }

    @Test("so are a token that would begin a header, and numbers that are not more than zero")
    func badConfiguration() {
        for change in [
            { $0.bearerToken = "a\r\nHost: b" }, { $0.interval = .zero }, { $0.timeout = .zero }, { $0.batchSize = 0 },
            { $0.maxBodyBytes = 0 },
        ] as [(inout ScrapeSource.Configuration) -> Void] {
            #expect(throws: ScrapeError.self) { _ = try Self.source("http://host/", change) }
        }
    }
}
