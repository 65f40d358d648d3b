/// Texts that no message may contain, such as tokens and passwords, in the forms in which a peer may repeat them.
///
///     var secrets = Secrets()
///     secrets.add(token: configuration.token)
///     log(secrets.redact("\(error)"))
///
/// The errors of this package contain none of the tokens and passwords that it was configured with. Use this for other
/// text, such as a peer's.
public struct Secrets: Sendable {
    private var texts: [String] = []
    private let leastLength: Int

    /// - Parameter leastLength: The length in bytes of the shortest text that is searched for; a shorter one would also
    ///   match text that is not secret.
    public init(leastLength: Int = 4) { self.leastLength = leastLength }

    /// Whether nothing was added that is long enough.
    public var isEmpty: Bool { texts.isEmpty }

    /// Adds a token; for `user:password`, the password too.
    public mutating func add(token: String?) {
        guard let token else { return }
        add(token)
        guard let colon = token.firstIndex(of: ":") else { return }
        add(String(token[colon...].dropFirst()))
        add(base64(Array(token.utf8)))
    }

    /// Adds what ``redactedURL(_:)`` removes.
    public mutating func add(url: String?) {
        guard let url else { return }
        let scheme = url.firstRange(of: "://")
        let rest = scheme.map { url[$0.upperBound...] } ?? url[...]
        if let at = userInfoEnd(of: rest) {
            let user = String(rest[..<at])
            let decoded = percentDecoded(user, plusIsSpace: false) ?? user
            for text in [user, decoded] {
                guard let colon = text.firstIndex(of: ":") else { continue }
                add(String(text[colon...].dropFirst()))
                add(base64(Array(text.utf8)))
            }
        }
        guard scheme != nil, let query = rest.firstIndex(of: "?") else { return }
        for field in rest[query...].dropFirst().split(separator: "&") {
            let value = field.firstIndex(of: "=").map { field[$0...].dropFirst() } ?? field
            add(String(value))
            if let decoded = percentDecoded(value, plusIsSpace: true) { add(decoded) }
        }
    }

    /// Adds a text as it is.
    public mutating func add(_ text: String) {
        guard text.utf8.count >= leastLength, !texts.contains(text) else { return }
        texts.append(text)
        // A text that contains another is searched for first.
        texts.sort { $0.utf8.count > $1.utf8.count }
    }

    /// Returns the text with each secret replaced by `[redacted]`.
    public func redact(_ text: String) -> String {
        texts.reduce(text) { $0.contains($1) ? $0.replacing($1, with: "[redacted]") : $0 }
    }

    /// Redacts a URL, or a text that was meant as one, for messages: removes user name and password, and the content of the
    /// query.
    ///
    /// `https://me:secret@host:9400/metrics?token=x` becomes `https://host:9400/metrics?…`. A text without a scheme loses
    /// everything before its last `@`. If the password contains characters that should have been encoded (`/`, `?`, `#`),
    /// more is removed rather than less.
    public static func redactedURL(_ text: String) -> String {
        let start = text.firstRange(of: "://")?.upperBound ?? text.startIndex
        let scheme = String(text[..<start])
        var rest = text[start...]
        if let at = userInfoEnd(of: rest) { rest = rest[at...].dropFirst() }
        guard !scheme.isEmpty, let end = rest.firstIndex(where: { $0 == "?" || $0 == "#" }) else {
            return scheme + rest
        }
        return scheme + rest[..<end] + "?…"
    }
}

/// The index of the `@` after user name and password, in a URL without its scheme.
private func userInfoEnd(of text: Substring) -> Substring.Index? {
    let authority = text.prefix { !"/?#".contains($0) }
    if let at = authority.lastIndex(of: "@") { return at }
    guard let at = text.lastIndex(of: "@"), let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") else {
        return nil
    }
    // `host:9400/a@b` has a port; `user:pa/ss@host` has a password that should have been encoded.
    let port = authority[colon...].dropFirst()
    return port.isEmpty || !port.allSatisfy { $0.isASCII && $0.isNumber } ? at : nil
}
