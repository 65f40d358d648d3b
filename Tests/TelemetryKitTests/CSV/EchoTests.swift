import TelemetryBase
import Testing

@testable import TelemetryDatabases
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryReaders
@testable import TelemetryStores

@Suite("Errors of readers with long input")
struct EchoTests {
    private static let long = String(repeating: "q", count: 100_000)
    /// One character, of many scalars.
    private static let marked = "e" + String(repeating: "\u{301}", count: 50_000)

    private func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return ""
        } catch {
            return "\(error)"
        }
    }

    @Test("an error of a reader echoes no more than a part of a long name or value", arguments: [long, marked])
    func readers(text: String) throws {
        let header =
            "timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,container,pod,namespace,value,labels_raw"
        let row = "2025-07-18T20:42:34Z,m,0,nvidia0,GPU-1,H100,h,,,,\(text),\n"
        func csv(_ text: String) -> String {
            message {
                var reader = try DCGMReader(try CSVReader(bytes: text.utf8, name: "f.csv"), badRows: .stop)
                while try reader.next() != nil {}
            }
        }
        func prometheus(_ text: String) -> String {
            var reader = PrometheusTextReader(bytes: text.utf8)
            return message { while try reader.next() != nil {} }
        }
        let said = [
            csv("a,\(text),\(text)\n"), csv("a,\(text)\nb\n"), csv(header + "\n" + row),
            csv(header + "\n" + row.replacing(",\(text),", with: ",1,\"\(text)=1\"")),
            prometheus("m{a=\"1\"} \(text)\n"),
            prometheus("m{\(text)=1} 1\n"), prometheus("\(text)?? 1\n"), prometheus("# TYPE m \(text)\n"),
            prometheus("# TYPE \(text)\n"), prometheus("m 1 \(text)\n"),
            message { _ = try MetricLabel.parse(prometheus: "\(Self.long)=1") },
            message { _ = try CompiledTemplate(LabelTemplate(texts: [ByteText("a"), ByteText("{\(text)")])) },
            message { _ = try CompiledTemplate(LabelTemplate(texts: [ByteText("a"), ByteText("{\(text)}")])) },
            message { _ = try CompiledTemplate(LabelTemplate(texts: [text, "", text, ""].map { ByteText($0) })) },
        ]
        for (number, message) in said.enumerated() {
            #expect(!message.isEmpty, "\(number)")
            #expect(message.utf8.count < 1500, "\(number): \(message.prefix(200))")
        }
    }

    @Test("a long text is cut between scalars, and a short one stays")
    func cut() {
        #expect(abbreviated("abc", to: 3) == "abc")
        #expect(abbreviated("abcd", to: 3) == "abc…")
        #expect(abbreviated("aé€𝄞", to: 4) == "aé…")
        #expect(abbreviated(Self.marked, to: 9).utf8.count <= 9 + 3)
    }
}
