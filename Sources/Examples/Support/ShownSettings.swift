import Synchronization
import TelemetryBase

/// The address of a server, or a text that was meant as one, without what it may hold of users, passwords and tokens.
package func shownAddress(_ text: String) -> String { redactedURL(text) }

extension LogFields {
    /// The proxy that requests go through, as the line at a program's start shows it.
    package mutating func append(proxy url: String?) {
        if let url { append("proxy", redactedURL(url)) }
        // Other programs go through these: whoever expects that of this one can see that it does not.
        let names = ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        let environment = currentEnvironment()
        let unused = names.filter { !(environment[$0] ?? "").isEmpty }
        if !unused.isEmpty { append("proxies_not_used", unused.joined(separator: ",")) }
    }
}

/// The last guard before anything is printed: secrets of the configuration that came back in the words of a peer or a library.
///
/// What the programs print themselves holds none in the first place; this catches what others say.
enum OutputSecrets {
    /// Shorter ones would also be found in what is no secret.
    private static let known = Mutex(Secrets(leastLength: 8))

    static func learn(_ options: [any AnyOption], of configuration: Configuration) {
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
