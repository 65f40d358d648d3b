import TelemetryMQ

// The queue, in this process. Without a data directory the log is in memory.
var settings = MQServer.Configuration()
settings.port = 0  // a free port; other services need a fixed one
settings.httpPort = nil  // no /health, /ready, /stats, /metrics
let server = try await MQServer(configuration: settings)
let address = MQClient.Configuration(host: "127.0.0.1", port: server.port)

// A producer. When withPublisher returns, everything is stored.
try await MQClient.withClient(address) { client in
    try await client.withPublisher { publisher in
        for order in 1...1000 {
            try await publisher.publish(#"{"order":\#(order)}"#)
        }
    }
}

/// Reads `count` orders as the subscriber `billing` and commits.
/// Returns the offsets of the first and the last.
func bill(_ count: Int) async throws -> ClosedRange<Int64> {
    try await MQClient.withClient(address) { client in
        let orders = client.subscribe(id: "billing", from: .committed)
        var offsets: [Int64] = []
        for try await message in orders {
            offsets.append(message.offset)  // message.payload is the order
            if offsets.count == count { break }
        }
        try await orders.commit(through: offsets[count - 1])
        return offsets[0]...offsets[count - 1]
    }
}

// A consumer that stops, and another that resumes there: the server stores
// the position of the id.
let first = try await bill(400)
let second = try await bill(600)
await server.shutdown()
guard first == 0...399, second == 400...999 else {
    fatalError("billed \(first) and \(second)")
}
print("billed messages \(first), then \(second)")
