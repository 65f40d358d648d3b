import TelemetryBase

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
        let body = ByteWriter.json { json in
            json.object {
                $0.member("status", isReady ? "ready" : "not_ready")
                $0.array("checks", of: checks) { json, check in
                    json.object {
                        $0.member("name", check.name)
                        $0.member("ready", check.isReady)
                        $0.member("detail", check.detail)
                    }
                }
            }
        }
        self.init(status: isReady ? 200 : 503, contentType: "application/json", body)
    }

    /// The response of `/health` while the process is alive: `{"status":"ok"}`.
    package init(health status: String) {
        self.init(
            contentType: "application/json",
            ByteWriter.json { json in json.object { $0.member("status", status) } })
    }

    /// `{"error":"not_found","message":"…"}`
    package init(status: Int, error code: String, _ message: String) {
        let body = ByteWriter.json { json in
            json.object {
                $0.member("error", code)
                $0.member("message", message)
            }
        }
        self.init(status: status, contentType: "application/json", body)
    }
}
