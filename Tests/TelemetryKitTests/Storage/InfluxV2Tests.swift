import Synchronization
import Testing

@testable import TelemetryDatabases
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

/// Documents of the 2.x interface, written after its reference: no free server of that generation can be installed here.
@Suite("InfluxDB 2.x, by its documented answers", .timeLimit(.minutes(20)))
struct InfluxV2Tests {
    static let buckets =
        #"{"links":{},"buckets":[{"id":"b1","orgID":"o1","name":"gpu_telemetry","retentionRules":[]}]}"#

    /// Answers `/ping` and the bucket search, and leaves the rest to the test.
    static func server(_ handler: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply) throws
        -> ScriptedServer
    {
        try ScriptedServer { request in
            switch (request.method, request.path) {
            case ("GET", "/ping"): .answer(204, ["X-Influxdb-Version": "v2.7.1", "X-Influxdb-Build": "OSS"])
            case ("GET", "/api/v2/buckets"): .answer(200, ["Content-Type": "application/json"], buckets)
            default: handler(request)
            }
        }
    }

    static func store(_ server: ScriptedServer) throws -> InfluxDBStore {
        try InfluxDBStore(configuration: .init(url: server.url + "/", token: "secret==", org: "my org"))
    }

    @Test("a write is lines of line protocol to the bucket, with the token")
    func write() async throws {
        let server = try Self.server { _ in .answer(204) }
        defer { server.stop() }
        try await Self.store(server).write([StoreSamples.batch([(SuiteSamples.series(), 0, 97)])])
        let request = try #require(server.requests.last)
        #expect(request.method == "POST")
        #expect(request.target == "/api/v2/write?org=my%20org&bucket=gpu_telemetry&precision=ns")
        #expect(request.headers["authorization"] == "Token secret==")
        #expect(
            request.body
                == "UTIL,device=nvidia0,gpu_id=0,hostname=host-1,model_name=NVIDIA\\ H100\\ 80GB\\ HBM3,uuid=GPU-a value=97 \(StoreSamples.start)\n"
        )
    }

    @Test("an absent bucket is created in its organization with the retention period")
    func createBucket() async throws {
        let exists = Mutex(false)
        let server = try ScriptedServer { request in
            switch (request.method, request.path) {
            case ("GET", "/ping"): return .answer(204, ["X-Influxdb-Version": "2.7.1"])
            case ("GET", "/api/v2/orgs"):
                return .answer(200, [:], #"{"links":{},"orgs":[{"links":{},"id":"o1","name":"my org"}]}"#)
            case ("POST", "/api/v2/buckets"):
                exists.withLock { $0 = true }
                return .answer(201, [:], #"{"id":"b1"}"#)
            default:
                guard exists.withLock({ $0 }) else {
                    return .answer(404, [:], #"{"code":"not found","message":"bucket \"gpu_telemetry\" not found"}"#)
                }
                return .answer(204)
            }
        }
        defer { server.stop() }
        let store = try InfluxDBStore(
            configuration: .init(url: server.url, org: "my org", retentionPeriod: .seconds(86400)))
        try await store.write([StoreSamples.batch([(SuiteSamples.series(), 0, 97)])])
        let created = try #require(server.requests.first { $0.method == "POST" && $0.path == "/api/v2/buckets" })
        #expect(
            created.body
                == #"{"orgID":"o1","name":"gpu_telemetry","retentionRules":[{"type":"expire","everySeconds":86400}]}"#)
        #expect(server.requests.first { $0.path == "/api/v2/orgs" }?.target == "/api/v2/orgs?org=my%20org")
        exists.withLock { $0 = false }
        let strict = try InfluxDBStore(configuration: .init(url: server.url, createsBucket: false))
        let error = await #expect(throws: StoreError.self) { try await strict.checkHealth() }
        #expect(error?.kind == .rejected && error?.message.contains("not allowed") == true)
        #expect(server.requests.count { $0.method == "POST" && $0.path == "/api/v2/buckets" } == 1)
    }

    static let total = [
        "#datatype,string,long,string,string,long", "#group,false,false,true,true,false", "#default,_result,,,,",
        ",result,table,_measurement,uuid,_value", ",,0,MEM,GPU-a,5", ",,1,MEM,GPU-b,7", "", "",
    ].joined(separator: "\r\n")
    static let telemetry = [
        "#datatype,string,long,dateTime:RFC3339,string,string,string,string,string,string,double,string",
        "#group,false,false,false,false,false,false,false,false,false,false,false", "#default,_result,,,,,,,,,,",
        ",result,table,_time,_measurement,device,gpu_id,hostname,model_name,uuid,value,labels_raw",
        #",,0,2025-07-18T20:42:34.000000001Z,MEM,nvidia0,0,host-1,"NVIDIA H100, 80GB",GPU-a,97.5,"a=""x,y"",b=""1""""#,
        #",,0,2025-07-18T20:42:34.000000001Z,UTIL%0a,nvidia0,0,host-1,"NVIDIA H100, 80GB",GPU-a,1e+300,"#, "", "",
    ].joined(separator: "\r\n")

    @Test("samples and their total are asked for in scripts in which values stay values")
    func telemetry() async throws {
        let server = try Self.server {
            .answer(200, ["Content-Type": "text/csv"], $0.body.contains("count()") ? Self.total : Self.telemetry)
        }
        defer { server.stop() }
        let page = try await Self.store(server).telemetry(
            TelemetryQuery(
                uuid: #"x") |> drop() // ${r.a} \"#, metricName: "a\"b", startTime: Timestamp(nanoseconds: 1),
                endTime: Timestamp(nanoseconds: 1_000_000_000),
                limit: 3, offset: 10))
        #expect(page.total == 12)
        let gpu = GPUIdentity(
            gpuID: "0", device: "nvidia0", uuid: "GPU-a", modelName: "NVIDIA H100, 80GB", hostname: "host-1")
        let time = Timestamp(nanoseconds: 1_752_871_354_000_000_001)
        #expect(
            page.items == [
                GPUMetric(
                    timestamp: time, value: 97.5,
                    series: MetricSeries(
                        metricName: "MEM", gpu: gpu,
                        labels: [MetricLabel(name: "a", value: "x,y"), MetricLabel(name: "b", value: "1")])),
                GPUMetric(timestamp: time, value: 1e300, series: MetricSeries(metricName: "UTIL\n", gpu: gpu)),
            ])
        let request = try #require(server.requests.first { $0.body.contains("pivot") })
        #expect(request.target == "/api/v2/query?org=my%20org")
        #expect(request.headers["content-type"] == "application/json")
        #expect(
            request.body.contains(
                #"range(start: 1970-01-01T00:00:00.000000001Z, stop: 1970-01-01T00:00:01.000000001Z)"#))
        // The script's own escapes are escaped once more, since it travels as a JSON string.
        #expect(request.body.contains(#"r.uuid == \"x\\\") |> drop() // \\${r.a} %5c\""#))
        #expect(request.body.contains(#"r._measurement == \"a\\\"b\""#))
        #expect(request.body.contains("limit(n: 3, offset: 10)"))
    }

    @Test("an error that arrives after the status 200, and after rows, is an error")
    func errorInTheBody() async throws {
        let documents = [
            "#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,\"failed, badly\",897\n",
            Self.telemetry
                + "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,\"failed, badly\",\r\n\r\n",
            "error,reference\nfailed\\, badly,897\n".replacing("\\,", with: ""),
        ]
        for document in documents {
            let server = try Self.server { _ in .answer(200, [:], document) }
            defer { server.stop() }
            let store = try Self.store(server)
            let error = await #expect(throws: StoreError.self) { try await store.telemetry(TelemetryQuery(uuid: "u")) }
            #expect(error?.kind == .rejected)
            #expect(error?.message.contains("failed") == true && error?.message.contains(server.url) == true)
        }
    }

    @Test("GPUs, metrics and statistics are put together from tables of different columns")
    func listing() async throws {
        let last = """
            #datatype,string,long,dateTime:RFC3339,string,string,string,string,string,string,double
            #group,false,false,false,true,true,true,true,true,true,false
            #default,_result,,,,,,,,,
            ,result,table,_time,_measurement,device,gpu_id,hostname,model_name,uuid,value
            ,,0,2025-07-18T20:42:35Z,UTIL,nvidia0,0,host-1,H100,GPU-a,1
            ,,1,2025-07-18T20:42:34Z,UTIL,nvidia1,10,host-1,H100,GPU-b,2
            ,,2,2025-07-18T20:42:34Z,UTIL,nvidia1,2,host-1,H100,GPU-c,2

            #datatype,string,long,dateTime:RFC3339,string,string,string,string,string,string,double,string,string
            #group,false,false,false,true,true,true,true,true,true,false,false,false
            #default,_result,,,,,,,,,,,
            ,result,table,_time,_measurement,device,gpu_id,hostname,model_name,uuid,value,pod,namespace
            ,,3,2025-07-18T20:42:36Z,MEM,nvidia0,0,host-1,H100,GPU-a,1,train-0,ml
            ,,3,2025-07-18T20:42:30Z,MEM,nvidia0,0,host-1,H100,GPU-a,,old,ml


            """
        let first = """
            #datatype,string,long,dateTime:RFC3339,string,string,double
            #group,false,false,false,true,true,false
            #default,_result,,,,,
            ,result,table,_time,_measurement,uuid,_value
            ,,0,2025-07-18T20:42:33Z,UTIL,GPU-a,1
            ,,1,2025-07-18T20:42:32Z,MEM,GPU-a,1
            ,,2,2025-07-18T20:42:34Z,UTIL,GPU-b,1
            ,,3,2025-07-18T20:42:34Z,UTIL,GPU-c,1


            """
        let count = """
            #datatype,string,long,string,string,long
            #group,false,false,true,true,false
            #default,_result,,,,
            ,result,table,_measurement,uuid,_value
            ,,0,UTIL,GPU-a,3
            ,,1,MEM,GPU-a,5
            ,,2,UTIL,GPU-b,1
            ,,3,UTIL,GPU-c,1


            """
        let server = try Self.server { request in
            .answer(200, [:], request.body.contains("last()") ? last : request.body.contains("first()") ? first : count)
        }
        defer { server.stop() }
        let store = try Self.store(server)
        let gpus = try await store.gpus(limit: 10, offset: 0).items
        #expect(gpus.map(\.identity.uuid) == ["GPU-a", "GPU-c", "GPU-b"])
        #expect(gpus[0].identity.pod == "train-0")
        #expect(gpus[0].firstSeen.description == "2025-07-18T20:42:32Z")
        #expect(gpus[0].lastSeen.description == "2025-07-18T20:42:36Z")
        #expect(
            try await store.metrics(uuid: nil) == [
                MetricSummary(name: "MEM", sampleCount: 5, gpuCount: 1),
                MetricSummary(name: "UTIL", sampleCount: 5, gpuCount: 3),
            ])
        let statistics = try await store.statistics()
        #expect(
            statistics.sampleCount == 10 && statistics.gpuCount == 3 && statistics.hostCount == 1
                && statistics.metricCount == 2)
        try await store.checkHealth()
    }

    @Test("aggregates are windows of Flux, where it has a function of the same meaning; else of the samples")
    func aggregate() async throws {
        let windows = """
            #datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,string,double
            #group,false,false,true,true,true,false
            #default,_result,,,,,
            ,result,table,_start,_stop,hostname,_value
            ,,0,2025-07-18T20:43:00Z,2025-07-18T20:44:00Z,host-1,2.5
            ,,1,2025-07-18T20:42:34Z,2025-07-18T20:43:00Z,host-1,1
            ,,2,2025-07-18T20:42:34Z,2025-07-18T20:43:00Z,a%0a,7


            """
        let server = try Self.server { request in
            .answer(200, [:], request.body.contains("window(") ? windows : Self.telemetry)
        }
        defer { server.stop() }
        let store = try Self.store(server)
        let start = Timestamp(nanoseconds: 1_752_871_354_000_000_000)
        var query = AggregateQuery(
            metricName: "A\"", filter: SampleFilter(hostnames: [""], startTime: start), function: .avg,
            window: .seconds(60), grouping: .host)
        let minute = Timestamp(nanoseconds: 1_752_871_320_000_000_000)
        #expect(
            try await store.aggregate(query) == [
                AggregateSeries(group: "a\n", points: [.init(time: minute, value: 7)]),
                AggregateSeries(
                    group: "host-1",
                    points: [
                        .init(time: minute, value: 1),
                        .init(time: Timestamp(nanoseconds: minute.nanoseconds + 60_000_000_000), value: 2.5),
                    ]),
            ])
        let script = try #require(server.requests.last).body
        #expect(script.contains("filter(fn: (r) => not exists r.hostname)"))
        #expect(script.contains(#"filter(fn: (r) => r._measurement == \"A\\\"\")"#))
        #expect(script.contains(#"group(columns: [\"hostname\"]) |> window(every: 60000000000ns) |> mean()"#))
        query.function = .p95
        query.grouping = .cluster
        #expect(
            try await store.aggregate(query) == [
                AggregateSeries(group: "", points: [.init(time: minute, value: 1e300)])
            ])
    }

    @Test("in the wide schema a row is a sample of every metric that it has a value of")
    func wide() async throws {
        let rows = #"""
            #datatype,string,long,dateTime:RFC3339,string,string,string,string,string,string,double,string,double,string
            #group,false,false,false,false,false,false,false,false,false,false,false,false,false
            #default,_result,,,,,,,,,,,,
            ,result,table,_time,_measurement,device,gpu_id,hostname,model_name,uuid,TEMP,TEMP.labels,UTIL,pod
            ,,0,2025-07-18T20:42:34Z,gpu,nvidia0,0,host-1,H100,GPU-a,41,"a=""1""",,train-0
            ,,0,2025-07-18T20:42:35Z,gpu,nvidia0,0,host-1,H100,GPU-a,42,,97,


            """#
        let server = try Self.server { _ in .answer(200, [:], rows) }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url, schema: .wide))
        let query = TelemetryQuery(SampleFilter(), countsTotal: false)
        #expect(
            try await store.telemetry(query).items.map {
                "\($0.metricName) \($0.value) \($0.gpu.pod) \($0.labels.count)"
            }
                == ["TEMP 41.0 train-0 1", "TEMP 42.0  0", "UTIL 97.0  0"])
        #expect(try await store.latest(SampleFilter(metricNames: ["TEMP"])).map(\.value) == [42])
        let script = try #require(server.requests.last).body
        #expect(script.contains(#"r._measurement == \"gpu\""#) && script.contains(#"r._field == \"TEMP.labels\""#))
        #expect(script.contains(#"filter(fn: (r) => exists r[\"TEMP\"])"#))
    }

    @Test("an answer without tables is an empty answer")
    func empty() async throws {
        let server = try Self.server { _ in .answer(200, [:], "\r\n") }
        defer { server.stop() }
        let store = try Self.store(server)
        #expect(try await store.gpus(limit: 10, offset: 0).total == 0)
        #expect(try await store.telemetry(TelemetryQuery(uuid: "u")).total == 0)
        #expect(try await store.statistics().sampleCount == 0)
    }

    @Test(
        "annotated CSV that is not well formed is an invalid answer",
        arguments: [
            "#datatype,string\n,result\n,\"open", ",a,b\n,1\n", ",a\n,\"x\"y\n",
        ])
    func malformed(_ document: String) {
        let error = #expect(throws: StoreError.self) { try AnnotatedCSV(Array(document.utf8)) }
        #expect(error?.kind == .invalidAnswer)
    }

    @Test("texts in Flux stay texts")
    func fluxStrings() {
        #expect(Flux.string(#"a"b\c"#) == #""a\"b\\c""#)
        #expect(Flux.string("${x}$$ {$") == #""\${x}$$ {$""#)
        #expect(Flux.string("a\nb\r\t") == #""a\nb\r\t""#)
        #expect(InfluxQL.string("a'b\\\n\"") == #"'a\'b\\\n"'"#)
        #expect(InfluxQL.identifier("a'b\\\n\"") == #""a'b\\\n\"""#)
    }
}
