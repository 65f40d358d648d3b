import TelemetryHTTP

/// Requests one behind the other are the same in whatever pieces their bytes come, and those that a naive reader finds; and both refuse
/// at the same request.
enum HTTPTarget {
    static func failure(_ input: [UInt8]) -> String? {
        var input = FuzzInput(input)
        var limits = HTTPLimits()
        if input.number(below: 2) == 1 {
            limits.maxRequestLineBytes = 40
            limits.maxHeadBytes = input.oneOf([100, 60, 30])
            limits.maxFieldCount = 3
            limits.maxBodyBytes = 12
        }
        let sizes = [input.oneOf([1, 2, 3, 5, 8, 100]), input.oneOf([1, 2, 3, 50, 1000])]
        let bytes = Array(input.rest)

        let whole = Reading(bytes, pieces: [bytes.count], limits)
        let pieces = Reading(bytes, pieces: sizes, limits)
        if pieces.requests != whole.requests {
            return "in pieces of \(sizes): \(pieces.requests), not \(whole.requests)"
        }
        if pieces.refusal != whole.refusal {
            return "in pieces of \(sizes): \(shown(pieces.refusal)), not \(shown(whole.refusal))"
        }
        if let refusal = whole.refusal,
            refusal.reason.isEmpty || HTTPResponse.reason(refusal.status).description == "Status"
        {
            return "a refusal with no words: \(shown(refusal))"
        }

        let naive = NaiveHTTP.read(bytes, limits)
        if whole.requests != naive.requests { return "\(whole.requests), not \(naive.requests)" }
        if (whole.refusal != nil) != naive.isRefused {
            return "\(shown(whole.refusal)), and the naive reader \(naive.isRefused ? "refuses" : "does not")"
        }
        return nil
    }

    private static func shown(_ refusal: HTTPRefusal?) -> String {
        refusal.map { "\($0.status) \($0.reason)" } ?? "no refusal"
    }

    /// What the parser makes of bytes that come in pieces of these sizes, in turns.
    private struct Reading {
        var requests: [NaiveHTTP.Request] = []
        var refusal: HTTPRefusal?

        init(_ bytes: [UInt8], pieces sizes: [Int], _ limits: HTTPLimits) {
            var parser = HTTPRequestParser(limits: limits)
            var held: [UInt8] = []
            var at = 0
            var turn = 0
            while at < bytes.count {
                let end = min(at + sizes[turn % sizes.count], bytes.count)
                turn += 1
                held += bytes[at..<end]
                at = end
                do throws(HTTPRefusal) {
                    while try take(&held, &parser) {}
                } catch {
                    refusal = error
                    return
                }
            }
        }

        /// Returns whether there may be more in what is held.
        private mutating func take(_ held: inout [UInt8], _ parser: inout HTTPRequestParser) throws(HTTPRefusal) -> Bool
        {
            var used = 0
            let result = held.withUnsafeBytes { bytes in
                Result { () throws(HTTPRefusal) in try parser.parse(bytes, used: &used) }
            }
            let step = try result.get()
            held.removeFirst(used)
            switch step {
            case .needsMore: return false
            case .expectsContinue: return true
            case .request(let request):
                requests.append(NaiveHTTP.Request(request))
                return true
            }
        }
    }
}
