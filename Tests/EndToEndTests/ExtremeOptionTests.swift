import FaultSupport
import Foundation
import Testing

@Suite("Every option at every extreme is taken or refused by name, and what is taken is kept", .timeLimit(.minutes(10)))
struct ExtremeOptionTests {
    static let extremes = [
        "9223372036854775807", "-9223372036854775808", "18446744073709551616", "9223372036854775807s", "106751d",
        "9223372036854775807GiB", "8191PiB", "1e400",
        "interval:9223372036854775807s", "9223372036854775807/9223372036854775807",
    ]

    @Test("a value is understood, or the program ends with 64 and names the option", arguments: Executable.allCases)
    func values(program: Executable) async throws {
        try await Stage.run { stage in
            let help = try stage.start(program, arguments: ["--help"])
            #expect(await help.endedOrKilled() == 0)
            let flags = help.output.split(separator: "\n").compactMap { line in
                line.firstMatch(of: /^ *(--[a-z][a-z-]+) [A-Za-z|:\/<-]/).map { String($0.1) }
            }
            #expect(flags.count > 9)
            for flag in flags {
                for value in Self.extremes {
                    let child = try stage.start(program, arguments: ["\(flag)=\(value)", "--help"])
                    let code = await child.endedOrKilled()
                    #expect(code == 0 || code == 64, "\(flag)=\(value) ends with \(code)")
                    if code == 64 { #expect(child.errors.contains(flag), "\(flag)=\(value): \(child.errors)") }
                }
            }
        }
    }

    @Test("programs with the longest durations and the largest sizes that they take do their work and end")
    func longest() async throws {
        try await Stage.run { stage in
            let longest = "106751d"
            let queue = try await stage.startQueue([
                "MQ_DATA_DIR": stage.path("log"), "MQ_SYNC": "interval:\(longest)", "MQ_RETENTION_AGE": longest,
                "MQ_RETENTION_BYTES": "8388607TiB",
                "MQ_SEGMENT_BYTES": "1TiB", "MQ_MAX_FRAME_BYTES": "1GiB",
            ])
            let api = try await stage.startAPI(
                queue.port,
                [
                    "RETENTION_PERIOD": longest, "STALE_AFTER": longest, "REQUEST_TIMEOUT": longest,
                    "QUERY_TIMEOUT": longest, "QUERY_LOOKBACK": longest,
                    "MEMORY_LIMIT": "16TiB", "READY_LAG": "9223372036854775807", "MAX_LIMIT": "1000000",
                ])
            let csv = try stage.write(
                BadInputTests.header + (0..<20).map { BadInputTests.row("\($0)", gpu: $0) }.joined(), to: "rows.csv")
            let waits = ["STREAM_INTERVAL": longest, "PROGRESS_INTERVAL": longest, "DRAIN_TIMEOUT": longest]
            let streamer = try stage.startStreamer(
                queue.port, csv: csv, waits.merging(["RATE": "1000000000", "BATCH_SIZE": "1000000"]) { $1 })
            #expect(await streamer.endedOrKilled() == 0)
            let exporter = try await stage.startExporter(
                "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-x\",device=\"nvidia0\",modelName=\"H100\",Hostname=\"node2\"} 41 9223372036854\n"
            )
            // The longest of all: a nanosecond more is not a duration.
            let scraper = try stage.startScraper(
                queue.port, exporter.url, every: "9223372036854775us",
                waits.merging(["SCRAPE_TIMEOUT": "9223372036854775us"]) { $1 })
            try await eventuallyTrue("samples of both in the store", within: .seconds(60), unless: scraper) {
                try await HTTP.json(Held.self, api.port, "/api/v1/stats").store.sample_count == 21
            }
            for path in [
                "/api/v1/hosts", "/api/v1/alerts", "/prometheus/api/v1/query?query=DCGM_FI_DEV_GPU_TEMP", "/ready",
                "/metrics",
            ] {
                #expect(try await HTTP.get(api.port, path).status == 200, "\(path)")
            }
            #expect(await scraper.terminate() == 0)
            #expect(await api.process.terminate() == 0)
            #expect(await queue.process.terminate() == 0)
        }
    }

    private struct Held: Decodable {
        struct Store: Decodable { var sample_count: Int }
        var store: Store
    }
}
