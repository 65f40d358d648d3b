import TelemetryHTTP

/// The forms in which samples leave as a file.
enum ExportFormat: String, Sendable, CaseIterable {
    /// RFC 4180, with the columns of the DCGM export: what is exported can be imported.
    case csv
    /// `{"data":[…],"count":n}`
    case json
    /// Of InfluxDB, as ``LineProtocolWriter`` writes it.
    case lineprotocol

    var contentType: String {
        switch self {
        case .csv: "text/csv; charset=utf-8; header=present"
        case .json: HTTPResponse.json
        case .lineprotocol: "text/plain; charset=utf-8"
        }
    }

    var fileSuffix: String {
        switch self {
        case .csv: "csv"
        case .json: "json"
        case .lineprotocol: "lp"
        }
    }
}
