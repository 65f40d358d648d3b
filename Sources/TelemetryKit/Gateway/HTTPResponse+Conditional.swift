import TelemetryHTTP

extension HTTPResponse {
    /// The response itself, or 304 without its body if the request contains its entity tag (RFC 9110 section 13.1.2).
    func conditional(on request: HTTPRequest) -> HTTPResponse {
        guard status == 200, let tag = headers.first(where: { $0.name == "ETag" })?.value,
            let given = request.header("if-none-match")
        else {
            return self
        }
        let tags = given.split(separator: ",").map { String($0.drop { $0 == " " || $0 == "\t" }) }
        // Weak comparison: a proxy that compressed the response has made its tag weak.
        guard tags.contains(where: { $0 == "*" || $0 == tag || $0 == "W/" + tag }) else { return self }
        return HTTPResponse(status: 304, headers: headers.filter { $0.name != "Content-Type" })
    }
}
