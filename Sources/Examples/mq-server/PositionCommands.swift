import ExampleSupport
import Glibc
import TelemetryMQClient

/// `mq-server positions HOST:PORT`: the stored positions of a running server as a table; `set` and `delete` change one.
enum PositionCommands {
    private enum Action {
        case list
        case set(id: String, offset: Int64)
        case delete(id: String)
    }

    static func run(_ arguments: [String]) async throws -> Int32 {
        guard let address = arguments.first else {
            throw UsageError("positions takes other arguments\n\n\(Commands.help)")
        }
        let action = try action(Array(arguments.dropFirst()))
        var settings = try Commands.client(of: address, for: "positions")
        settings.onEvent = { event in
            // A person waits for the answer: a server that is not there is an error and not waited for.
            if case .disconnected(_, _, let reason, _) = event { Commands.fail(reason, Program.ExitCode.failed) }
        }
        try await MQClient.withClient(settings) { client in
            switch action {
            case .list:
                for line in table(try await client.positions()) { print(line) }
            case .set(let id, let offset):
                try await client.setPosition(of: id, to: offset)
                print("\(id) is done with \(offset)")
            case .delete(let id):
                try await client.deletePosition(of: id)
                print("the position of \(id) is deleted")
            }
        }
        return Program.ExitCode.done
    }

    private static func action(_ words: [String]) throws -> Action {
        switch (words.first, words.count) {
        case (nil, _): return .list
        case ("set", 3):
            guard let offset = Int64(words[2]), offset >= 0 else {
                throw UsageError(
                    "positions set \(words[2]): expected the offset of the last message that is done, 0 or more")
            }
            return .set(id: words[1], offset: offset)
        case ("delete", 2): return .delete(id: words[1])
        default: throw UsageError("positions takes other arguments\n\n\(Commands.help)")
        }
    }

    /// Ids are last: they may be long.
    private static func table(_ positions: [MQClient.Position]) -> [String] {
        let rows =
            [["COMMITTED", "LAG", "LAG SECONDS", "SKIPPED", "CONNECTED", "LAST COMMIT", "SUBSCRIBER"]]
            + positions.map { position in
                let tenths = position.lagDuration / .milliseconds(100)
                return [
                    "\(position.committedOffset)", "\(position.lag)", "\((tenths).rounded() / 10)",
                    "\(position.skippedMessages)",
                    position.isConnected ? "yes" : "no",
                    position.committedAt.map(Commands.text) ?? "-",
                    position.subscriberID.printable(),
                ]
            }
        let widths = (0..<6).map { column in rows.map { $0[column].utf8.count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { String(repeating: " ", count: $1 - $0.utf8.count) + $0 }.joined(separator: "  ")
                + "  " + row[6]
        }
    }
}
