/// One condition that must be met before a program can do its work, for `/ready`.
package struct ReadinessCheck: Sendable {
    package var name: String
    package var isReady: Bool
    /// A description of the state, or of the problem.
    package var detail: String

    package init(name: String, isReady: Bool, detail: String) {
        self.name = name
        self.isReady = isReady
        self.detail = detail
    }
}

extension HTTPResponse {
    /// The response of `/ready`: 200 if all checks are ready, otherwise 503, with
    /// `{"status":"ready","checks":[{"name":"queue","ready":true,"detail":"…"},…]}`.
    package init(readiness checks: [ReadinessCheck]) {
        let isReady = checks.allSatisfy(\.isReady)
        var body = ByteWriter()
        body.append(isReady ? #"{"status":"ready","checks":["# : #"{"status":"not_ready","checks":["#)
        for (index, check) in checks.enumerated() {
            if index > 0 { body.append(",") }
            body.append(#"{"name":"#)
            body.appendJSONString(check.name)
            body.append(check.isReady ? #","ready":true,"detail":"# : #","ready":false,"detail":"#)
            body.appendJSONString(check.detail)
            body.append("}")
        }
        body.append("]}")
        self.init(status: isReady ? 200 : 503, contentType: "application/json", body.bytes)
    }
}
