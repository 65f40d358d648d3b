import FaultSupport
import Foundation
import Testing

@Suite("Requests go where the options say, whatever the environment holds", .timeLimit(.minutes(20)))
struct ProxyTests {
    /// What would send requests of a program of libcurl's elsewhere, or change what they carry.
    static func hostileEnvironment(_ stage: Stage) throws -> [String: String] {
        let nowhere = "http://127.0.0.1:\(try freePort())"
        let netrc = try stage.write("machine 127.0.0.1 login stranger password stolen\n", to: ".netrc")
        return [
            "http_proxy": nowhere, "https_proxy": nowhere, "HTTPS_PROXY": nowhere, "all_proxy": nowhere,
            "ALL_PROXY": nowhere,
            "NETRC": netrc, "HOME": stage.directory.path,
        ]
    }

    @Test(
        "scrapes pass by a proxy of the environment, with the token and no password of a .netrc, and the start line says so"
    )
    func scrapeIgnoresEnvironment() async throws {
        try await Stage.run { stage in
            let exporter = try await stage.startExporter(ScrapeExporter().text, token: "t0ken-of-the-exporter")
            let queue = try await stage.startQueue()
            let environment = try Self.hostileEnvironment(stage).merging(["SCRAPE_TOKEN": "t0ken-of-the-exporter"]) {
                $1
            }
            let streamer = try stage.startScraper(queue.port, exporter.url, environment)
            let port = try await stage.httpPort(streamer)
            try await eventuallyTrue("good scrape", unless: streamer) {
                try await HTTP.get(port, "/ready").status == 200
            }
            let start = try #require(streamer.logged("streaming"))
            #expect(start["proxies_not_used"] as? String == "http_proxy,https_proxy,HTTPS_PROXY,all_proxy,ALL_PROXY")
            #expect(start["proxy"] == nil)
            #expect(
                exporter.page.requests.allSatisfy {
                    !$0.contains("/metrics") || $0.contains("authorization=Bearer t0ken")
                })
            #expect(await streamer.terminate() == 0)
        }
    }

    @Test("a .netrc gives no credentials")
    func netrc() async throws {
        try await Stage.run { stage in
            let exporter = try await stage.startExporter(ScrapeExporter().text)
            let queue = try await stage.startQueue()
            let streamer = try stage.startScraper(queue.port, exporter.url, try Self.hostileEnvironment(stage))
            try await eventuallyTrue("scrapes", unless: streamer) {
                exporter.page.requests.count { $0.contains("/metrics") } > 1
            }
            #expect(exporter.page.requests.allSatisfy { !$0.contains("/metrics") || $0.contains("authorization=- ") })
            #expect(await streamer.terminate() == 0)
        }
    }

    @Test("scrapes go through SCRAPE_PROXY, also where NO_PROXY names the exporter")
    func scrapeProxy() async throws {
        try await Stage.run { stage in
            let exporter = try await stage.startExporter(ScrapeExporter().text)
            let proxy = try await stage.startProxy()
            let queue = try await stage.startQueue()
            let streamer = try stage.startScraper(
                queue.port, exporter.url,
                [
                    "SCRAPE_PROXY": "http://user:pr0xypassword@127.0.0.1:\(proxy.page.port)", "NO_PROXY": "127.0.0.1",
                    "no_proxy": "*",
                ])
            let port = try await stage.httpPort(streamer)
            try await eventuallyTrue("good scrape", unless: streamer) {
                try await HTTP.get(port, "/ready").status == 200
            }
            #expect(streamer.logged("streaming")?["proxy"] as? String == "http://127.0.0.1:\(proxy.page.port)")
            #expect(await streamer.terminate() == 0)
            let asked = proxy.page.requests.filter { $0.contains(":\(exporter.page.port)/metrics") }
            let credentials = Data("user:pr0xypassword".utf8).base64EncodedString()
            #expect(!asked.isEmpty && asked.allSatisfy { $0.contains("proxy=Basic \(credentials)") })
            #expect(!streamer.errors.contains("pr0xypassword"))
        }
    }

    @Test(
        "collector and api reach the database through DATABASE_PROXY, and past a proxy of the environment",
        .enabled(if: InfluxDB.isPresent, InfluxDB.absent), arguments: [true, false])
    func databaseProxy(isNamed: Bool) async throws {
        try await Stage.run { stage in
            let database = try await stage.startInfluxDB()
            let proxy = try await stage.startProxy()
            let queue = try await stage.startQueue()
            var storage = try Self.hostileEnvironment(stage)
            storage["STORAGE"] = "influxdb"
            storage["INFLUXDB_URL"] = "http://127.0.0.1:\(database.port)"
            if isNamed { storage["DATABASE_PROXY"] = "http://127.0.0.1:\(proxy.page.port)" }
            let collector = try stage.startCollector(queue.port, storage)
            let api = try await stage.startAPI(queue.port, storage)
            let csv = try stage.write(BadInputTests.header + BadInputTests.row("5"), to: "one.csv")
            #expect(await (try stage.startStreamer(queue.port, csv: csv)).endedOrKilled() == 0)
            try await REST.awaitSamples(1, api)
            #expect(await collector.terminate() == 0)
            #expect(await api.process.terminate() == 0)
            let asked = proxy.page.requests.filter { $0.contains(":\(database.port)/") }
            #expect(
                asked.contains { $0.contains("/write") } == isNamed
                    && asked.contains { $0.contains("/query") } == isNamed)
            for line in [collector.logged("collecting"), api.process.logged("listening")] {
                #expect(line?["proxy"] as? String == (isNamed ? storage["DATABASE_PROXY"] : nil))
                #expect(
                    line?["proxies_not_used"] as? String == "http_proxy,https_proxy,HTTPS_PROXY,all_proxy,ALL_PROXY")
            }
        }
    }

    @Test(
        "what is not a proxy is refused by name",
        arguments: [(Executable.streamer, "SCRAPE_PROXY"), (.collector, "DATABASE_PROXY"), (.api, "DATABASE_PROXY")])
    func malformed(program: Executable, option: String) async throws {
        try await Stage.run { stage in
            for (text, code) in [("ftp://me:hunter22@host", Int32(64)), ("http://me:hunter22@host:x", 64)] {
                let child = try stage.start(
                    program,
                    [option: text, "SOURCE": "http://127.0.0.1:1/metrics", "STORAGE": "influxdb", "API_PORT": "0"])
                let ended = await child.endedOrKilled(within: .seconds(20))
                #expect(ended == code || (program != .streamer && ended == 1))
                #expect(
                    child.errors.contains("host") && child.errors.contains("proxy")
                        && !child.errors.contains("hunter22"))
            }
        }
    }
}
