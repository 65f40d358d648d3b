import Synchronization
import TelemetryMQClient

extension LogFields {
    /// Appends the proxy that requests go through, for the line at a program's start.
    package mutating func append(proxy url: String?) {
        if let url { append("proxy", Secrets.redactedURL(url)) }
        // Other programs use these variables: an operator who expects it of this program can see that it does not.
        let names = ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        let environment = currentEnvironment()
        let unused = names.filter { !(environment[$0] ?? "").isEmpty }
        if !unused.isEmpty { append("proxies_not_used", unused.joined(separator: ",")) }
    }
}

/// The last check before anything is printed: redacts secrets of the configuration that a peer or a library repeats in
/// its messages. The programs' own messages contain none.
enum OutputSecrets {
    /// Shorter ones would also match text that is not secret.
    private static let known = Mutex(Secrets(leastLength: 8))

    static func add(_ options: [any AnyOption], of configuration: Configuration) {
        known.withLock { known in
            for option in options where configuration.isGiven(option) {
                guard let text = configuration.text(of: option) else { continue }
                if option.isSecret { known.add(token: text) }
                if text.contains("://") { known.add(url: text) }
            }
        }
    }

    static func redact(_ text: String) -> String { known.withLock { $0 }.redact(text) }

    static func redact(line: [UInt8]) -> [UInt8] {
        let secrets = known.withLock { $0 }
        return secrets.isEmpty ? line : Array(secrets.redact(String(decoding: line, as: UTF8.self)).utf8)
    }
}
