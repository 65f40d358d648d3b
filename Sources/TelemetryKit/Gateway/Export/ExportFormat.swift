import TelemetryHTTP

/// The formats of exported files.
enum ExportFormat: String, Sendable, CaseIterable {
    /// RFC 4180, with the columns of the DCGM export, so that an export can be imported.
    case csv
    /// `{"data":[…],"count":n}`
    case json
    /// InfluxDB line protocol, as written by ``LineProtocolWriter``.
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
