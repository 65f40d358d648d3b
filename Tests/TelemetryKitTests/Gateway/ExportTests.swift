import Foundation
import TelemetryBase
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryReaders
@testable import TelemetryStores

@Suite("Exports of the gateway", .timeLimit(.minutes(20)))
struct ExportTests {
    private func imported(_ csv: [UInt8]) throws -> [GPUMetric] {
        var reader = try DCGMReader(try CSVReader(bytes: csv))
        var samples: [GPUMetric] = []
        while let sample = try reader.next() { samples.append(sample) }
        return samples
    }

    @Test("an export read in again is the same samples, over many pages, hostile texts included")
    func roundTrip() async throws {
        // Two metrics: more than one page.
        let store = try await filledStore(ticks: 11_000)
        let wanted = try await store.telemetry(TelemetryQuery(uuid: "GPU-1")).items
        #expect(wanted.count == 22_000)
        try await GatewayStage.with(store: store) { stage in
            let csv = try await stage.get("/api/v1/gpus/GPU-1/telemetry/export?format=csv")
            #expect(csv.header("content-type") == "text/csv; charset=utf-8; header=present")
            #expect(csv.header("content-disposition") == "attachment; filename=\"GPU-1.csv\"")
            let back = try imported(csv.body)
            #expect(back == wanted)
            let json = try await stage.json("/api/v1/gpus/GPU-1/telemetry/export?format=json")
            #expect(json["count"] as? Int == wanted.count)
            let data = try #require(json["data"] as? [[String: Any]])
            let values = data.compactMap { $0["value"] as? Double }
            #expect(values == wanted.map(\.value))
            let last = try #require(data.last)
            #expect(last["timestamp"] as? String == wanted.last?.timestamp.description)
            #expect(last["pod"] as? String == hostile)
            #expect(last["labels"] as? [String: String] == ["note": hostile])
        }
    }

    @Test("an export of all GPUs keeps to the filters and to the order of time")
    func allGPUs() async throws {
        let store = try await filledStore(gpus: 5, ticks: 40)
        let filter = SampleFilter(
            metricNames: ["DCGM_FI_DEV_GPU_TEMP", "none"], uuids: ["GPU-1", "GPU-4"],
            startTime: Timestamp(nanoseconds: 1_752_871_356_000_000_000))
        let wanted = try await store.telemetry(TelemetryQuery(filter)).items
        #expect(wanted.count == 2 * 38)
        try await GatewayStage.with(store: store) { stage in
            let query =
                "metric_name=DCGM_FI_DEV_GPU_TEMP&metric_name=none&uuid=GPU-1&uuid=GPU-4&start_time=2025-07-18T20:42:36Z"
            let csv = try await stage.get("/api/v1/telemetry/export?\(query)")
            #expect(csv.header("content-disposition") == "attachment; filename=\"telemetry.csv\"")
            let back = try imported(csv.body)
            #expect(back == wanted)
        }
    }

    @Test("nothing to export is a header, an empty list, or no line")
    func empty() async throws {
        try await GatewayStage.with { stage in
            let csv = try await stage.get("/api/v1/telemetry/export")
            #expect(
                csv.text
                    == "timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,container,pod,namespace,value,labels_raw\r\n"
            )
            #expect(try await stage.get("/api/v1/telemetry/export?format=json").text == "{\"data\":[],\"count\":0}\n")
            #expect(try await stage.get("/api/v1/telemetry/export?format=lineprotocol").text == "")
        }
    }

    @Test(
        "the format is that of the parameter, else what Accept likes best, else CSV",
        arguments: [
            ("?format=json", "text/csv", "application/json"), ("", "", "text/csv; charset=utf-8; header=present"),
            ("", "application/json", "application/json"), ("", "text/csv;q=0.5, application/json", "application/json"),
            ("", "text/*;q=0.2, text/plain", "text/plain; charset=utf-8"),
            ("", "*/*", "text/csv; charset=utf-8; header=present"),
        ])
    func negotiation(query: String, accept: String, contentType: String) async throws {
        try await GatewayStage.with(store: filledStore()) { stage in
            let answer = try await stage.get(
                "/api/v1/telemetry/export\(query)", headers: [(name: "Accept", value: accept)])
            #expect(answer.status == 200)
            #expect(answer.header("content-type") == contentType)
            #expect((answer.header("vary") == "Accept") == query.isEmpty)
        }
    }

    @Test("InfluxDB takes the line protocol in, and the store over it has the same samples")
    func lineProtocol() async throws {
        let samples = try await filledStore(gpus: 3, ticks: 20)
        let server = try await InfluxServer.start()
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        // Makes the database.
        try await store.checkHealth()
        try await GatewayStage.with(store: samples) { stage in
            let lines = try await stage.get("/api/v1/telemetry/export?format=lineprotocol")
            let taken = try await stage.client.send(
                CurlRequest(method: "POST", url: "\(server.url)/write?db=gpu_telemetry", body: lines.body))
            #expect(taken.status == 204, "\(taken.text)")
        }
        let back = try await store.telemetry(TelemetryQuery(SampleFilter())).items
        let wanted = try await samples.telemetry(TelemetryQuery(SampleFilter())).items
        #expect(wanted.count == 120)
        #expect(back == wanted)
        await store.close()
    }

    @Test("a store that fails midway leaves a file that is visibly broken off")
    func brokenOff() async throws {
        let store = try await FailingStore(held: filledStore(ticks: 11_000))
        try await GatewayStage.with(store: store) { stage in
            await #expect(throws: HTTPFailure.self) { try await stage.get("/api/v1/gpus/GPU-1/telemetry/export") }
        }
    }
}

/// Answers first pages, and no others.
private struct FailingStore: TelemetryStore {
    let held: MemoryStore

    func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> {
        if query.after != nil { throw StoreError(.unavailable, "db:8086: connection lost") }
        return try await held.telemetry(query)
    }

    func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> {
        try await held.gpus(filter, limit: limit, offset: offset)
    }

    func write(_ batches: [MetricBatch]) async throws { try await held.write(batches) }
    func metrics(uuid: String?) async throws -> [MetricSummary] { try await held.metrics(uuid: uuid) }
    func statistics() async throws -> StoreStatistics { try await held.statistics() }
    func checkHealth() async throws {}
    func close() async {}
}
