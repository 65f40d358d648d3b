import Foundation
import Testing

@Suite(
    "The dashboard in a browser", .enabled(if: RealExport.isPresent, RealExport.absent),
    .enabled(if: Browser.isPresent, Browser.absent),
    .serialized)
struct DashboardTests {
    @Test(
        "it shows what the API answers, follows what is published, and works by keyboard, in the dark, on a phone and with a token"
    )
    func whole() async throws {
        let csv = try #require(RealExport.path)
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let token = "a token"
            let api = try await stage.startAPI(queue.port)
            let secured = try await stage.startAPI(queue.port, ["API_TOKEN": token])
            // Some passes over the export, so that charts have lines; then the values stand still and can be compared.
            let streamer = try stage.startStreamer(
                queue.port, csv: csv, ["LOOP": "true", "TIMESTAMPS": "now", "RATE": "5000"])
            try await eventuallyTrue("four passes over the export", unless: streamer) {
                try await HTTP.json(REST.Statistics.self, api.port, "/api/v1/stats").sample_count >= 4 * 2470
            }
            #expect(await streamer.terminate() == 0)
            let published = try #require(streamer.logged("finished")?["published"] as? Int)
            try await REST.awaitSamples(published, api)

            let browser = try stage.start(
                "browser", executable: Browser.python,
                arguments: [
                    Browser.script, "http://127.0.0.1:\(api.port)", "http://127.0.0.1:\(secured.port)",
                    Browser.screenshots, csv,
                    Executable.streamer.path,
                ],
                environment: [
                    "HOME": stage.directory.path, "PATH": "/usr/bin:/bin", "API_TOKEN": token, "LOOP": "false",
                    "TIMESTAMPS": "now",
                    "MQ_HOST": "127.0.0.1", "MQ_PORT": "\(queue.port)",
                ])
            let code = await browser.endedOrKilled(within: .seconds(180))
            #expect(code == 0, "\(browser.errors.suffix(3000)); screenshots are in \(Browser.screenshots)")
        }
    }
}

/// Debian's Chromium, led by Playwright.
private enum Browser {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
    /// Where `make setup-tests` installs what it needs.
    static let python = root.appending(path: ".run/python/bin/python3").path
    static let script = root.appending(path: "Tests/EndToEndTests/Browser/dashboard.py").path
    /// Left there, to be looked at.
    static let screenshots = root.appending(path: ".run/dashboard").path

    static let isPresent: Bool = {
        let needed = [python, "/usr/bin/chromium"]
        if needed.allSatisfy({ FileManager.default.isExecutableFile(atPath: $0) }) { return true }
        print("*** Chromium or Playwright is absent: the dashboard is not tested. `make setup-tests` installs them.")
        return false
    }()

    static let absent: Comment = "needs Chromium and Playwright; make setup-tests installs them"
}
