import Foundation
import Testing

/// The DCGM export that the tests use and the repository does not contain: `TELEMETRY_EXPORT`, else `../shared/data`,
/// read here by a reader that shares nothing with the one under test.
struct RealExport: Sendable {
    struct Row: Sendable {
        var timestamp: String
        var metric: String
        var gpuID: String
        var uuid: String
        var model: String
        var host: String
        /// As the file writes it.
        var value: String
    }

    let rows: [Row]
    var uuids: Set<String> { Set(rows.map(\.uuid)) }
    var metrics: Set<String> { Set(rows.map(\.metric)) }

    /// `metric uuid time` to the value: one entry for every sample.
    var samples: [String: Double] {
        Dictionary(
            rows.map { ("\($0.metric) \($0.uuid) \($0.timestamp)", Double($0.value)!) }, uniquingKeysWith: { $1 })
    }

    static let path: String? = {
        if let path = ProcessInfo.processInfo.environment["TELEMETRY_EXPORT"] { return path }
        var directory = URL(filePath: #filePath)
        for _ in 0..<8 {
            directory.deleteLastPathComponent()
            let file = directory.appending(path: "shared/data/dcgm_metrics_20250718_134233.csv").path
            if FileManager.default.fileExists(atPath: file) { return file }
        }
        print(
            "*** The real DCGM export is absent: the end-to-end tests that follow it are skipped. TELEMETRY_EXPORT names its path."
        )
        return nil
    }()

    static var isPresent: Bool { path != nil }
    static let absent: Comment = "needs the real DCGM export; TELEMETRY_EXPORT names its path"

    static let shared: RealExport? = path.flatMap { try? RealExport(contentsOf: $0) }

    init(contentsOf path: String) throws {
        let table = RealExport.table(try Data(contentsOf: URL(filePath: path)))
        let header = table[0]
        func column(_ name: String) throws -> Int {
            guard let index = header.firstIndex(of: name) else { throw StageError("\(path) has no column \(name)") }
            return index
        }
        let (time, metric, gpu) = (try column("timestamp"), try column("metric_name"), try column("gpu_id"))
        let (uuid, model, host) = (try column("uuid"), try column("modelName"), try column("Hostname"))
        let value = try column("value")
        rows = table.dropFirst().map {
            Row(
                timestamp: $0[time], metric: $0[metric], gpuID: $0[gpu], uuid: $0[uuid], model: $0[model],
                host: $0[host],
                value: $0[value])
        }
    }

    /// RFC 4180, a byte at a time.
    private static func table(_ bytes: Data) -> [[String]] {
        var table: [[String]] = []
        var record: [String] = []
        var field: [UInt8] = []
        var isQuoted = false
        var previous: UInt8 = 0
        for byte in bytes {
            if byte == UInt8(ascii: "\"") {
                // The second of two quotes inside a quoted field is one quote.
                if !isQuoted && previous == byte { field.append(byte) }
                isQuoted.toggle()
            } else if isQuoted {
                field.append(byte)
            } else if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "\n") {
                record.append(String(decoding: field, as: UTF8.self))
                field = []
                if byte == UInt8(ascii: "\n") {
                    table.append(record)
                    record = []
                }
            } else if byte != UInt8(ascii: "\r") {
                field.append(byte)
            }
            previous = byte
        }
        if !field.isEmpty || !record.isEmpty { table.append(record + [String(decoding: field, as: UTF8.self)]) }
        return table
    }
}
