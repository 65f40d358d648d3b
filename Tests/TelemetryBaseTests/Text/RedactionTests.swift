import Foundation
import TelemetryBase
import Testing

@Suite("Redaction")
struct RedactionTests {
    @Test(
        "a URL is shown without user, password and query, also if it is malformed",
        arguments: [
            ("http://host:8086", "http://host:8086"), ("http://me:pw@host:8086/a", "http://host:8086/a"),
            ("https://me@host/x?token=s3cret#f", "https://host/x?…"), ("http://me:p@ss@[::1]:9/", "http://[::1]:9/"),
            ("http://me:pa/ss@host/x", "http://host/x"), ("http://me:pa?ss@host/x", "http://host/x"),
            ("http://me:pa#ss@host/x", "http://host/x"), ("http://host:9400/me@x", "http://host:9400/me@x"),
            ("http://host:9400/m?mail=a@b", "http://host:9400/m?…"), ("http://[::1]/a@b", "http://[::1]/a@b"),
            ("me:pw@host", "host"), ("host", "host"), ("", ""), ("exports/*.csv", "exports/*.csv"),
            ("a?.csv", "a?.csv"),
            ("htp:/me:pw@host", "host"), ("http://", "http://"), ("://me:pw@", "://"), ("http://h?", "http://h?…"),
        ])
    func urls(text: String, shown: String) {
        #expect(Secrets.redactedURL(text) == shown)
    }

    @Test("secrets are found in every form in which a peer may repeat them")
    func forms() {
        var secrets = Secrets()
        secrets.add(token: "admin:hunter22")
        secrets.add(url: "http://me:p%40ssword@host/x?u=q&key=k%2Fey1")
        let basic = Data("me:p@ssword".utf8).base64EncodedString()
        let token = Data("admin:hunter22".utf8).base64EncodedString()
        for text in ["admin:hunter22", "hunter22", "p%40ssword", "p@ssword", "k%2Fey1", "k/ey1", basic, token] {
            #expect(secrets.redact("a \(text) b \(text)") == "a [redacted] b [redacted]", "\(text)")
        }
        #expect(secrets.redact("admin, me and host") == "admin, me and host")
        // What is too short to be told from other words stays.
        #expect(secrets.redact("u=q") == "u=q")
    }

    @Test("base64 is that of RFC 4648")
    func encoding() {
        for count in 0..<40 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 89 + 7) }
            #expect(base64(bytes) == Data(bytes).base64EncodedString())
        }
    }
}
