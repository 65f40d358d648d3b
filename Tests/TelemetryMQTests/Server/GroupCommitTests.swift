import Testing

@testable import TelemetryMQLog
@testable import TelemetryMQServer

@Suite("When the log is synced, and whose responses wait for it")
struct GroupCommitTests {
    private final class Client {
        let name: String
        init(_ name: String) { self.name = name }
    }

    /// What can happen to a broker, as a table.
    private enum Event {
        case hold(String)
        case forget(String)
        case request(asksForRound: Bool)
        case roundEnded(after: Duration, GroupCommit<Client>.Step)
        case begin(after: Duration, number: Int64)
        case succeeded(Int64, releases: [String])
        case answered(after: Duration)
        case failed(refuses: [String])
        case state(isSyncing: Bool, isHolding: Bool)
    }

    /// Times are after one start.
    private func check(_ events: [Event], _ location: SourceLocation = #_sourceLocation) {
        let start = ContinuousClock.now
        var commits = GroupCommit<Client>(now: start)
        var clients: [String: Client] = [:]
        func client(_ name: String) -> Client {
            if clients[name] == nil { clients[name] = Client(name) }
            return clients[name]!
        }
        for (index, event) in events.enumerated() {
            let comment = Comment(rawValue: "event \(index): \(event)")
            switch event {
            case .hold(let name): commits.hold(client(name))
            case .forget(let name): commits.forget(client(name))
            case .request(let asks): #expect(commits.request() == asks, comment, sourceLocation: location)
            case .roundEnded(let time, let step):
                #expect(commits.roundEnded(at: start + time) == step, comment, sourceLocation: location)
            case .begin(let time, let number):
                #expect(commits.begin(at: start + time) == number, comment, sourceLocation: location)
            case .succeeded(let number, let names):
                let released = commits.succeeded(number).map(\.name).sorted()
                #expect(released == names, comment, sourceLocation: location)
            case .answered(let time): commits.answered(at: start + time)
            case .failed(let names):
                #expect(commits.failed().map(\.name).sorted() == names, comment, sourceLocation: location)
            case .state(let isSyncing, let isHolding):
                #expect(commits.isSyncing == isSyncing, comment, sourceLocation: location)
                #expect(commits.isHolding == isHolding, comment, sourceLocation: location)
            }
        }
    }

    @Test("the first publish is synced at the end of its round, and its response waits for that sync")
    func first() {
        check([
            .hold("a"), .request(asksForRound: true), .roundEnded(after: .zero, .startSync),
            .begin(after: .zero, number: 1), .state(isSyncing: true, isHolding: true),
            .succeeded(1, releases: ["a"]), .state(isSyncing: false, isHolding: false),
        ])
    }

    @Test("a round is asked for once, however many requests come in it")
    func oneRound() {
        check([
            .hold("a"), .request(asksForRound: true), .hold("b"), .request(asksForRound: false),
            .roundEnded(after: .zero, .startSync), .begin(after: .zero, number: 1),
            .succeeded(1, releases: ["a", "b"]),
        ])
    }

    @Test("what is published while a sync runs waits for the next one")
    func duringSync() {
        check([
            .hold("a"), .request(asksForRound: true), .roundEnded(after: .zero, .startSync),
            .begin(after: .zero, number: 1),
            .hold("b"), .request(asksForRound: false), .hold("a"),
            // `a` has a response that waited for sync 1, and one that waits for sync 2.
            .succeeded(1, releases: ["a", "b"]), .state(isSyncing: false, isHolding: true),
            .answered(after: .seconds(1)),
            .request(asksForRound: true), .roundEnded(after: .seconds(1), .startSync),
            .begin(after: .seconds(1), number: 2), .succeeded(2, releases: ["a", "b"]),
            .state(isSyncing: false, isHolding: false),
        ])
    }

    @Test("the next sync waits for as many clients as the last one let go")
    func gathers() {
        check([
            .hold("a"), .hold("b"), .hold("c"), .request(asksForRound: true), .roundEnded(after: .zero, .startSync),
            .begin(after: .zero, number: 1), .succeeded(1, releases: ["a", "b", "c"]),
            .answered(after: .microseconds(800)),
            .hold("a"), .request(asksForRound: true), .roundEnded(after: .microseconds(900), .lookAgain),
            .hold("d"), .request(asksForRound: false), .roundEnded(after: .microseconds(1000), .lookAgain),
            .hold("b"), .roundEnded(after: .microseconds(1100), .startSync),
        ])
    }

    @Test("a client that does not publish again is waited for half the time of the last sync")
    func waitsHalf() {
        check([
            .hold("a"), .hold("b"), .request(asksForRound: true), .roundEnded(after: .zero, .startSync),
            .begin(after: .zero, number: 1), .succeeded(1, releases: ["a", "b"]),
            .answered(after: .microseconds(600)),
            .hold("a"), .request(asksForRound: true),
            .roundEnded(after: .microseconds(899), .lookAgain), .roundEnded(after: .microseconds(900), .startSync),
        ])
    }

    @Test("after a slow sync nobody is waited for longer than a millisecond")
    func waitsLittle() {
        check([
            .hold("a"), .hold("b"), .request(asksForRound: true), .roundEnded(after: .zero, .startSync),
            .begin(after: .zero, number: 1), .succeeded(1, releases: ["a", "b"]), .answered(after: .seconds(20)),
            .hold("a"), .request(asksForRound: true),
            .roundEnded(after: .seconds(20) + .microseconds(999), .lookAgain),
            .roundEnded(after: .seconds(20) + .milliseconds(1), .startSync),
        ])
    }

    @Test("a client that is gone gets no response")
    func gone() {
        check([
            .hold("a"), .hold("b"), .forget("a"), .request(asksForRound: true), .roundEnded(after: .zero, .startSync),
            .begin(after: .zero, number: 1), .forget("b"), .succeeded(1, releases: []),
            .state(isSyncing: false, isHolding: false),
        ])
    }

    @Test("a sync that nobody waits for delays no later one")
    func timer() {
        check([
            .begin(after: .zero, number: 1), .request(asksForRound: false), .succeeded(1, releases: []),
            .answered(after: .seconds(1)), .hold("a"), .request(asksForRound: true),
            .roundEnded(after: .seconds(1), .startSync), .begin(after: .seconds(1), number: 2),
        ])
    }

    @Test("a sync by a timer takes the place of one that gathers, and the one that gathers still ends its round")
    func timerWhileGathering() {
        check([
            .hold("a"), .request(asksForRound: true), .begin(after: .zero, number: 1),
            .roundEnded(after: .zero, .startSync), .state(isSyncing: true, isHolding: true),
            .succeeded(1, releases: ["a"]), .state(isSyncing: false, isHolding: false),
        ])
    }

    @Test("a failed sync refuses every response that waits for it or for a later one")
    func fails() {
        check([
            .hold("a"), .request(asksForRound: true), .roundEnded(after: .zero, .startSync),
            .begin(after: .zero, number: 1), .hold("b"), .failed(refuses: ["a", "b"]),
            .state(isSyncing: false, isHolding: false), .hold("c"), .request(asksForRound: true),
            .roundEnded(after: .zero, .startSync), .failed(refuses: ["c"]),
        ])
    }
}
