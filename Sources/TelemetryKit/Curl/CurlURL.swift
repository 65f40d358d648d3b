import CCurl

/// A URL of http or https, taken apart by libcurl, which will also ask it.
struct CurlURL: Sendable, Hashable {
    /// Without brackets around an IPv6 address.
    let host: String
    /// Without user name and password: for messages.
    let shown: String

    init?(_ text: String) {
        guard let handle = curl_url() else { return nil }
        defer { curl_url_cleanup(handle) }
        guard curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK,
            let scheme = CurlURL.part(CURLUPART_SCHEME, of: handle), ["http", "https"].contains(scheme),
            let host = CurlURL.part(CURLUPART_HOST, of: handle), !host.isEmpty
        else { return nil }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        curl_url_set(handle, CURLUPART_USER, nil, 0)
        curl_url_set(handle, CURLUPART_PASSWORD, nil, 0)
        guard let shown = CurlURL.part(CURLUPART_URL, of: handle) else { return nil }
        self.shown = shown
    }

    /// Any text that was meant as a URL, for messages: without what may be user name and password.
    static func shown(_ text: String) -> String {
        if let url = CurlURL(text) { return url.shown }
        guard let at = text.lastIndex(of: "@") else { return text }
        return text.prefix { $0 != ":" } + "://" + text[at...].dropFirst()
    }

    private static func part(_ part: CURLUPart, of handle: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, 0) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
