import CCurl
import TelemetryBase

/// An http or https URL, parsed by libcurl, which also uses it for requests.
package struct CurlURL: Sendable, Hashable {
    /// The host without brackets around an IPv6 address.
    package let host: String
    /// The text for messages: without user name, password and query. See `Secrets.redactedURL(_:)`.
    package let shown: String

    package init?(_ text: String) {
        guard let handle = curl_url() else { return nil }
        defer { curl_url_cleanup(handle) }
        guard curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK,
            let scheme = CurlURL.part(CURLUPART_SCHEME, of: handle), ["http", "https"].contains(scheme),
            let host = CurlURL.part(CURLUPART_HOST, of: handle), !host.isEmpty
        else { return nil }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        shown = Secrets.redactedURL(text)
    }

    fileprivate static func part(_ part: CURLUPart, of handle: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, 0) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}

/// Whether curl accepts it as a proxy.
package func isProxyURL(_ text: String) -> Bool {
    guard let handle = curl_url() else { return false }
    defer { curl_url_cleanup(handle) }
    guard curl_url_set(handle, CURLUPART_URL, text, UInt32(CURLU_NON_SUPPORT_SCHEME)) == CURLUE_OK,
        let scheme = CurlURL.part(CURLUPART_SCHEME, of: handle),
        ["http", "https", "socks5", "socks5h"].contains(scheme),
        let host = CurlURL.part(CURLUPART_HOST, of: handle)
    else { return false }
    return !host.isEmpty
}
