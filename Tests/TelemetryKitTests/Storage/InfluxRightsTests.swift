import Foundation
import Synchronization
import TelemetryBase
import Testing

@testable import TelemetryDatabases
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Least privilege with InfluxDB", .timeLimit(.minutes(20)))
struct InfluxRightsTests {
    private static let batch = StoreSamples.batch([(SuiteSamples.series(), 0, 97)])

    // MARK: 2.x, as recorded

    private static func withRecorded(
        _ version: String, token: String?, bucket: String, org: String = "gpu_telemetry", period: Duration? = nil,
        _ body: (InfluxDBStore, ScriptedServer) async throws -> Void
    ) async throws {
        let recorded = try RecordedInflux(version)
        let server = try ScriptedServer { recorded.reply(to: $0) }
        defer { server.stop() }
        let store = try InfluxDBStore(
            configuration: .init(url: server.url, token: token, org: org, bucket: bucket, retentionPeriod: period))
        try await body(store, server)
        await store.close()
        #expect(recorded.unknown.withLock { $0 } == [])
    }

    @Test(
        "a token of 2.x that may only write stores, with no other request than the write",
        .enabled(if: RecordedInflux.isPresent),
        arguments: RecordedInflux.versions)
    func writeOnly(_ version: String) async throws {
        try await Self.withRecorded(version, token: "write-only", bucket: "plain") { store, server in
            try await store.write([Self.batch])
            try await store.write([Self.batch])
            #expect(
                server.requests.map { "\($0.method) \($0.path)" } == [
                    "GET /ping", "POST /api/v2/write", "POST /api/v2/write",
                ])
        }
    }

    @Test(
        "where the bucket is missing and the token may not create it, the error says both and nothing is refused for good",
        .enabled(if: RecordedInflux.isPresent), arguments: RecordedInflux.versions)
    func missing(_ version: String) async throws {
        try await Self.withRecorded(version, token: "write-only", bucket: "absent") { store, _ in
            let error = await #expect(throws: StoreError.self) { try await store.write([Self.batch]) }
            #expect(
                error?.message.contains(#"bucket "absent" not found"#) == true
                    && error?.message.contains("cannot be created") == true)
            #expect(error?.kind == .rejected && error?.refused.isEmpty == true)
        }
        try await Self.withRecorded(version, token: "admin", bucket: "plain", org: "noorg") { store, _ in
            let error = await #expect(throws: StoreError.self) { try await store.write([Self.batch]) }
            #expect(error?.message.contains(#"organization name "noorg" not found"#) == true)
        }
    }

    @Test(
        "a token that is wrong, missing, or without the right to write is refused as such",
        .enabled(if: RecordedInflux.isPresent),
        arguments: RecordedInflux.versions)
    func refusedTokens(_ version: String) async throws {
        for token in ["wrong", "read-only", "unrelated", nil] as [String?] {
            try await Self.withRecorded(version, token: token, bucket: "plain") { store, _ in
                let error = await #expect(throws: StoreError.self) { try await store.write([Self.batch]) }
                #expect(error?.kind == .unauthorized && error?.refused.isEmpty == true)
            }
        }
    }

    @Test(
        "every recorded refusal means what the server did with the lines", .enabled(if: RecordedInflux.isPresent),
        arguments: RecordedInflux.versions)
    func recordedRefusals(_ version: String) throws {
        let recorded = try RecordedInflux(version)
        let writes = recorded.exchanges.filter {
            $0.path.hasPrefix("/api/v2/write") && DatabaseHTTP.refusals.contains($0.status)
        }
        #expect(writes.count > 15)
        for write in writes {
            let refusal = WriteRefusal(
                CurlResponse(
                    status: write.status, headers: write.headers.map { ($0.key, $0.value) },
                    body: Array(write.response.utf8)),
                message: "m")
            let isOld =
                write.name.hasPrefix("all older") || write.name.hasPrefix("one older")
                || write.name.hasPrefix("three older")
            #expect(refusal.cause == (isOld ? .tooOld : .lines), "\(write.name)")
            #expect((refusal.dropped == nil) == (write.status == 400), "\(write.name)")
        }
    }

    @Test(
        "samples older than the retention period cost one request, whatever the version says of them",
        .enabled(if: RecordedInflux.isPresent),
        arguments: RecordedInflux.versions)
    func old(_ version: String) async throws {
        try await Self.withRecorded(version, token: "admin", bucket: "hour") { store, server in
            try await store.write([StoreSamples.batch((0..<1000).map { (SuiteSamples.series(), Int64($0), 1) })])
            #expect(server.requests.count { $0.path == "/api/v2/write" } == 1)
        }
    }

    // MARK: 1.x, the real server

    private static func ask(_ url: String, _ statement: String) async throws {
        let client = try CurlClient()
        let answer = try await client.send(
            CurlRequest(
                method: "POST", url: url + "/query?" + formEncoded([("u", "admin"), ("p", "a:pw"), ("q", statement)]),
                body: []))
        #expect(answer.status == 200 && !answer.text.contains("error"), "\(answer.text)")
        client.close()
    }

    @Test("users of 1.6 with one right can do what it is for, and are refused the rest; user:password is sent as Basic")
    func realServer() async throws {
        let server = try await InfluxServer.start(http: "auth-enabled = true")
        for statement in [
            "CREATE USER admin WITH PASSWORD 'a:pw' WITH ALL PRIVILEGES", "CREATE DATABASE gpu_telemetry",
            "CREATE USER w WITH PASSWORD 'é'",
            "CREATE USER r WITH PASSWORD 'r'", "GRANT WRITE ON gpu_telemetry TO w", "GRANT READ ON gpu_telemetry TO r",
        ] {
            try await Self.ask(server.url, statement)
        }
        func store(_ token: String?, bucket: String = "gpu_telemetry") throws -> InfluxDBStore {
            try InfluxDBStore(configuration: .init(url: server.url, token: token, bucket: bucket))
        }
        let (writer, reader, admin) = (try store("w:é"), try store("r:r"), try store("admin:a:pw"))
        try await writer.write([Self.batch])
        #expect(try await reader.statistics().sampleCount == 1)
        #expect(try await reader.telemetry(TelemetryQuery(uuid: "GPU-a")).items.map(\.value) == [97])
        for one in [writer, reader, admin] { try await one.checkHealth() }
        let cannotRead = await #expect(throws: StoreError.self) { try await writer.statistics() }
        #expect(cannotRead?.kind == .unauthorized)
        let cannotWrite = await #expect(throws: StoreError.self) { try await reader.write([Self.batch]) }
        #expect(cannotWrite?.kind == .unauthorized && cannotWrite?.refused.isEmpty == true)
        for token in ["w:wrong", "nobody:x", nil, "no-colon"] as [String?] {
            let wrong = await #expect(throws: StoreError.self) { try await store(token).write([Self.batch]) }
            #expect(wrong?.kind == .unauthorized)
            let unhealthy = await #expect(throws: StoreError.self) { try await store(token).checkHealth() }
            #expect(unhealthy?.kind == .unauthorized)
        }
        // Of a database that is missing, only the administrator can make one.
        let missing = await #expect(throws: StoreError.self) {
            try await store("w:é", bucket: "absent").write([Self.batch])
        }
        #expect(
            missing?.message.contains("database not found") == true
                && missing?.message.contains("cannot be created") == true)
        #expect(missing?.refused.isEmpty == true)
        try await store("admin:a:pw", bucket: "absent").write([Self.batch])
        #expect(try await store("admin:a:pw", bucket: "absent").statistics().sampleCount == 1)
    }

    @Test("Base64 is that of RFC 4648")
    func encodedCredentials() {
        let known = [
            "": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==", "fooba": "Zm9vYmE=",
            "foobar": "Zm9vYmFy",
        ]
        for (plain, encoded) in known { #expect(base64(Array(plain.utf8)) == encoded) }
        #expect(base64(Array("Aladdin:open sesame".utf8)) == "QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        for count in 0..<20 {
            let text = String((0..<count).map { "aé😀:\u{7F}"[$0 % 5] })
            #expect(base64(Array(text.utf8)) == Data(text.utf8).base64EncodedString())
        }
    }
}

extension String {
    fileprivate subscript(_ place: Int) -> Character { self[index(startIndex, offsetBy: place)] }
}
