import TelemetryMQ

// What the README shows, with an end: a server in this process, messages in, the same messages out.
var settings = MQServer.Configuration()
settings.port = 0
settings.httpPort = nil
let server = try await MQServer(configuration: settings)

let sums = try await MQClient.withClient(.init(host: "127.0.0.1", port: server.port)) { client in
    try await client.withPublisher { publisher in
        for number in 1...1000 { try await publisher.publish("\(number)") }
    }
    var sum = 0
    let numbers = client.subscribe(from: .earliest).decoded { Int(String(decoding: $0, as: UTF8.self)) ?? 0 }
    for try await number in numbers {
        sum += number.value
        if number.offset == 999 { break }
    }
    return sum
}
await server.shutdown()
guard sums == 500_500 else { fatalError("the sum of the numbers from 1 to 1000 came out as \(sums)") }
print("1000 messages published and received")
