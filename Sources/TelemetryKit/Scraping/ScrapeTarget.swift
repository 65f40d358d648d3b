import TelemetryBase
import TelemetryHTTPClient

/// The exporter to query, the request, and the responses that are accepted.
struct ScrapeTarget: Sendable {
    /// For messages: without a password.
    let name: String
    /// The host of samples that do not contain one.
    let host: String
    private let request: CurlRequest
    private let secrets: Secrets

    /// Throws if the configuration is invalid.
    init(_ configuration: ScrapeSource.Configuration) throws(ScrapeError) {
        guard configuration.interval > .zero, configuration.timeout > .zero, configuration.batchSize > 0,
            configuration.maxBodyBytes > 0
        else {
            throw ScrapeError("the interval, the timeout, the batch size and the largest body must be more than zero")
        }
        guard let url = CurlURL(configuration.url) else {
            let shown = Secrets.redactedURL(configuration.url).debugDescription
            throw ScrapeError("\(shown) is not a valid http or https URL, such as http://host:9400/metrics")
        }
        name = url.shown
        host = url.host
        var request = CurlRequest(
            url: configuration.url, timeout: configuration.timeout, maximumBody: configuration.maxBodyBytes)
        request.headers.append(("Accept", "text/plain;version=0.0.4, text/plain;q=0.5"))
        if let token = configuration.bearerToken, !token.isEmpty {
            // A line feed would begin another header.
            guard !token.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
                throw ScrapeError("the token for \(url.shown) contains a control character")
            }
            request.headers.append(("Authorization", "Bearer " + token))
        }
        self.request = request
        var secrets = Secrets()
        secrets.add(url: configuration.url)
        secrets.add(url: configuration.proxy)
        secrets.add(token: configuration.bearerToken)
        self.secrets = secrets
        guard let proxy = configuration.proxy else { return }
        guard isProxyURL(proxy) else {
            throw ScrapeError(
                "\(Secrets.redactedURL(proxy).debugDescription) is not a valid proxy, such as http://host:3128 or socks5://host:1080"
            )
        }
    }

    /// Returns the text of the exporter's response, or the reason why there is none. Throws only if the task is
    /// cancelled.
    func fetch(_ client: CurlClient) async throws(CancellationError) -> Result<[UInt8], ScrapeError> {
        do {
            return ScrapeTarget.text(of: try await client.send(request)).mapError(named)
        } catch let failure as HTTPFailure {
            return .failure(named(ScrapeError(failure.reason)))
        } catch {
            throw CancellationError()
        }
    }

    /// The exporter, or a proxy, may have echoed data that was sent to it.
    func named(_ error: ScrapeError) -> ScrapeError { ScrapeError("\(name): \(secrets.redact(error.description))") }

    /// Redirects are not followed: they would carry the token to another host, and each scrape would send two requests.
    static func text(of response: CurlResponse) -> Result<[UInt8], ScrapeError> {
        guard response.status == 200 else {
            let location =
                response.header("Location").map {
                    ": redirects are not followed, and this one points to \(Secrets.redactedURL($0))"
                } ?? ""
            return .failure(ScrapeError("HTTP \(response.status)\(location)"))
        }
        let type = response.header("Content-Type")?.lowercased() ?? ""
        guard !type.hasPrefix("application/openmetrics-text") else {
            return .failure(
                ScrapeError("the response is OpenMetrics, with times in seconds, instead of the Prometheus text format")
            )
        }
        return .success(response.body)
    }
}
