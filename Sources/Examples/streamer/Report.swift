import ExampleSupport
import TelemetryKit

/// Tells a person how far a streamer is.
struct Report: Sendable {
    let streamer: Streamer
    let log: Logger
    private let start = ContinuousClock.now

    init(_ streamer: Streamer, log: Logger) {
        self.streamer = streamer
        self.log = log
    }

    /// Until the task is cancelled: a line that stands still on a terminal, a log line now and then elsewhere.
    func run(every interval: Duration) async {
        let console = Console.standardError
        let period = console.isTerminal ? .milliseconds(500) : interval
        guard period > .zero else { return }
        var before = 0
        while (try? await Task.sleep(for: period)) != nil {
            let counts = streamer.counts
            let rate = Int(Double(counts.published - before) / (period / .seconds(1)))
            before = counts.published
            if console.isTerminal {
                console.show(progress: line(counts, rate))
            } else {
                log.info(
                    "progress",
                    [
                        "published": counts.published, "rows_per_second": rate, "bad_rows": counts.source.badRows.count,
                        "waiting": streamer.waiting,
                    ])
            }
        }
    }

    private func line(_ counts: Streamer.Counts, _ rate: Int) -> String {
        var text = "\(counts.published) rows published, \(rate) rows/s"
        if counts.source.fileSize > 0 { text += ", \(counts.source.bytesRead * 100 / counts.source.fileSize) % of the file" }
        if streamer.waiting > 0 { text += ", \(streamer.waiting) batches wait" }
        if counts.source.badRows.count > 0 { text += ", \(counts.source.badRows.count) bad rows" }
        return text
    }

    /// The last line: what came of it all.
    func finish() {
        Console.standardError.endProgress()
        let counts = streamer.counts
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        var fields: LogFields = [
            "rows": counts.source.rowsSelected, "published": counts.published, "messages": counts.messages,
            "undelivered": counts.undelivered, "bad_rows": counts.source.badRows.count,
        ]
        for (kind, count) in counts.source.badRows.countsByKind.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            fields.append("bad_" + String(kind.rawValue.map { $0 == " " ? "_" : $0 }), count)
        }
        fields.append("passes", counts.source.passes)
        fields.append("seconds", (seconds * 1000).rounded() / 1000)
        fields.append("rows_per_second", Int(Double(counts.published) / max(seconds, 0.001)))
        log.log(counts.undelivered == 0 ? .info : .error, "finished", fields)
    }
}
