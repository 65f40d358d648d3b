import FaultSupport
import Foundation
import Testing

/// Every setting that can hold a secret holds one, whose text is found nowhere else.
@Suite("No program prints or serves a secret", .timeLimit(.minutes(20)))
struct SecretTests {
    static let mark = "hunter22"
    static let password = "s3-" + mark
    static let token = "t0ken-" + mark

    /// What a peer could do with it, and the forms of Basic credentials.
    static let forms = [
        mark, Data("me:\(password)".utf8).base64EncodedString(), Data("u:\(password)".utf8).base64EncodedString(),
    ]

    static func url(_ port: Int, _ path: String = "") -> String { "http://me:\(password)@127.0.0.1:\(port)\(path)" }

    /// All settings of all programs that can hold one.
    static func settings(database: Int, proxy: Int?) -> [String: String] {
        var settings = [
            "MQ_TOKEN": token, "API_TOKEN": token, "SCRAPE_TOKEN": token, "INFLUXDB_TOKEN": "u:\(password)",
            "VICTORIAMETRICS_TOKEN": token,
            "INFLUXDB_URL": url(database, "?key=\(password)"), "VICTORIAMETRICS_URL": url(database),
            "VICTORIAMETRICS_WRITE_URL": url(database),
            "VICTORIAMETRICS_READ_URL": url(database), "http_proxy": "http://me:\(password)@127.0.0.1:1",
            "LOG_LEVEL": "debug",
        ]
        if let proxy {
            settings["DATABASE_PROXY"] = url(proxy)
            settings["SCRAPE_PROXY"] = url(proxy)
        }
        return settings
    }

    static func expectNone(_ text: String, _ place: String) {
        for form in forms {
            #expect(!text.contains(form), "\(place): \(text.split(separator: "\n").first { $0.contains(form) } ?? "")")
        }
    }

    /// Everything that a program serves without knowing a resource, with and without the token.
    static func expectNoneServed(_ port: Int, _ name: String) async throws {
        var paths = [
            "/", "/health", "/ready", "/metrics", "/stats", "/nothing", "/swagger/index.html", "/openapi.json",
        ]
        paths += [
            "gpus", "metrics", "hosts", "alerts", "stats", "telemetry", "catalogue", "gpus/x",
            "gpus/x/telemetry/export",
        ].map { "/api/v1/" + $0 }
        paths += ["query?query=up", "series?match[]=up", "labels", "label/job/values"].map {
            "/prometheus/api/v1/" + $0
        }
        for path in paths {
            for headers in [[:], ["Authorization": "Bearer \(token)"]] {
                guard let answer = try? await HTTP.request(port, "GET", path, headers: headers) else { continue }
                expectNone("\(answer.headers)\n\(answer.text)", "\(name) \(path)")
            }
        }
    }

    @Test(
        "with servers that answer, that refuse, and that are not there", arguments: ["answering", "refusing", "away"],
        ["influxdb", "victoriametrics"])
    func everyProgram(peers: String, storage: String) async throws {
        guard InfluxDB.isPresent else { return print("*** influxd is absent") }
        try await Stage.run { stage in
            let basic = "Basic " + Data("me:\(Self.password)".utf8).base64EncodedString()
            // What refuses repeats what it was sent, as a proxy in front of a database may.
            let echo = try await stage.startEcho()
            let database =
                peers == "answering"
                ? try await stage.startInfluxDB().port : peers == "refusing" ? echo : try freePort()
            let settings = Self.settings(database: database, proxy: peers == "refusing" ? echo : nil)
            let queue = try await stage.startQueue(settings)
            let target = peers == "away" ? try freePort() : queue.port
            let programs = settings.merging(["STORAGE": storage, "DEAD_LETTER_FILE": stage.path("dead")]) { $1 }
            let exporter = try await stage.startExporter(ScrapeExporter().text, authorization: "Bearer \(Self.token)")
            let byPassword = try await stage.startExporter(ScrapeExporter().text, authorization: basic)

            var served: [(name: String, port: Int)] = [("mq-server", queue.httpPort)]
            var started: [ChildProcess] = [queue.process]
            let scraped = peers == "answering" ? exporter.page.port : database
            let scraper = try stage.startScraper(target, Self.url(scraped, "/metrics?key=\(Self.password)"), programs)
            var withPassword = programs
            withPassword["SCRAPE_TOKEN"] = nil
            let second = try stage.startScraper(
                target, Self.url(peers == "answering" ? byPassword.page.port : database, "/metrics"), withPassword)
            for child in [scraper, second] { served.append((child.name, try await stage.httpPort(child))) }
            let collector = try stage.startCollector(
                target,
                programs.merging(["HTTP_PORT": "0", "HTTP_HOST": "127.0.0.1", "PROGRESS_INTERVAL": "50ms"]) { $1 })
            served.append(("collector", try await stage.httpPort(collector)))
            let api = try stage.start(
                .api,
                programs.merging([
                    "API_HOST": "127.0.0.1", "API_PORT": "0", "MQ_HOST": "127.0.0.1", "MQ_PORT": "\(target)",
                ]) { $1 })
            served.append(("api", try await stage.httpPort(api)))
            started += [scraper, second, collector, api]

            // Something for a database to take or refuse.
            let csv = try stage.write(BadInputTests.header + BadInputTests.row("5"), to: "one.csv")
            if peers != "away" {
                #expect(await (try stage.startStreamer(queue.port, csv: csv, settings)).endedOrKilled() == 0)
            }
            if peers == "answering" {
                // The credentials of the URL work, as does the token next to them.
                for (_, port) in served[1...2] {
                    try await eventuallyTrue("good scrape") { try await HTTP.get(port, "/ready").status == 200 }
                }
                #expect(byPassword.page.requests.contains { $0.contains("authorization=\(basic)") })
            } else {
                try await eventuallyTrue("lost exporter", unless: scraper) { scraper.logged("exporter lost") != nil }
                if peers == "refusing" {
                    try await eventuallyTrue("lost database", unless: collector) {
                        collector.logged("database lost") != nil
                    }
                }
            }
            for (name, port) in served { try await Self.expectNoneServed(port, name) }
            for child in started.reversed() { await child.terminate(within: .seconds(30)) }
            for child in started { Self.expectNone(child.output + child.errors, child.name) }
            if let dead = try? String(contentsOfFile: stage.path("dead"), encoding: .utf8) {
                Self.expectNone(dead, "dead letters")
            }
            let log = try await stage.startQueue().process
            await log.terminate()
        }
    }

    @Test("in settings that are wrong, and in --help", arguments: Executable.allCases)
    func wrongSettings(program: Executable) async throws {
        try await Stage.run { stage in
            let databases = [
                "INFLUXDB_URL", "VICTORIAMETRICS_URL", "VICTORIAMETRICS_WRITE_URL", "VICTORIAMETRICS_READ_URL",
                "DATABASE_PROXY",
            ]
            let names: [String] =
                switch program {
                case .mqServer: ["TCP_HOST", "HTTP_HOST", "TCP_PORT", "MQ_SYNC", "LOG_LEVEL"]
                case .streamer:
                    ["MQ_HOST", "MQ_PORT", "HTTP_HOST", "HTTP_PORT", "SCRAPE_PROXY", "SCRAPE_INTERVAL", "TIMESTAMPS"]
                case .collector: ["MQ_HOST", "MQ_PORT", "HTTP_HOST", "STORAGE", "OFFSET", "SHARD"] + databases
                case .api: ["MQ_HOST", "MQ_PORT", "API_HOST", "API_PORT", "STORAGE", "CORS_ORIGINS"] + databases
                }
            var wrong = names.map { [$0: "htp://me:\(Self.password)@host/x?key=\(Self.password)"] }
            if program == .streamer {
                wrong += [
                    ["SOURCE": Self.url(1), "CSV_PATH": Self.url(2)],
                    ["SOURCE": "ftp://me:\(Self.password)@host/?x=\(Self.password)"],
                ]
            }
            for environment in wrong {
                let child = try stage.start(program, environment)
                #expect(await child.endedOrKilled(within: .seconds(20)) == 64, "\(environment)")
                #expect(environment.keys.contains { child.errors.contains($0) }, "\(child.errors)")
                Self.expectNone(child.output + child.errors, "\(environment)")
            }
            let arguments = [
                ["--mq-token", Self.token, "rest-\(Self.mark)"], ["-mq-token=\(Self.token)"],
                ["MQ_TOKEN=\(Self.token)"], [Self.url(1)],
                ["--mq-tokn=\(Self.token)"], ["--help"],
            ]
            for words in arguments {
                let child = try stage.start(program, Self.settings(database: 1, proxy: 1), arguments: words)
                #expect(await child.endedOrKilled(within: .seconds(20)) == (words == ["--help"] ? 0 : 64))
                Self.expectNone(child.output + child.errors, "\(words)")
            }
        }
    }
}
