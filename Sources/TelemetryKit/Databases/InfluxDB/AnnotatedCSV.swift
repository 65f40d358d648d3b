import TelemetryStores

/// The response to a Flux query: tables in annotated CSV.
///
/// Lines that begin with `#` annotate the header that follows them; an empty line ends a table, and the next may have
/// other columns. An empty cell has the column's value of `#default`. A table with a column `error` is a failure, which
/// may follow the status 200 and rows.
/// Format: https://docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv/
struct AnnotatedCSV {
    struct Table {
        /// The column indices by name.
        var columns: [String: Int] = [:]
        var rows: [[String]] = []

        func value(_ row: [String], _ column: String) -> String? { columns[column].map { row[$0] } }
    }

    private(set) var tables: [Table] = []
    /// The database's error message.
    private(set) var error: String?

    init(_ body: [UInt8]) throws(StoreError) {
        var table: Table?
        var defaults: [String] = []
        var at = 0
        while at < body.count {
            let record = try Self.record(body, &at)
            if record.count == 1, record[0].isEmpty {
                table = Self.finish(table, &tables)
                defaults = []
            } else if record[0].hasPrefix("#") {
                // Annotations begin the next table even if the empty line is missing.
                table = Self.finish(table, &tables)
                if record[0] == "#default" { defaults = record }
            } else if table == nil {
                table = Table(
                    columns: Dictionary(
                        record.enumerated().filter { !$1.isEmpty }.map { ($1, $0) },
                        uniquingKeysWith: { first, _ in first }))
            } else {
                try add(record, defaults, &table!)
            }
        }
        _ = Self.finish(table, &tables)
    }

    private mutating func add(_ record: [String], _ defaults: [String], _ table: inout Table) throws(StoreError) {
        var row = record
        for (i, value) in defaults.enumerated() where i > 0 && i < row.count && row[i].isEmpty { row[i] = value }
        guard table.columns.values.allSatisfy({ $0 < row.count }) else {
            throw StoreError(
                .invalidAnswer, "a row of annotated CSV has \(row.count) cells instead of \(table.columns.count)")
        }
        if let said = table.value(row, "error"), !said.isEmpty { error = error ?? said }
        table.rows.append(row)
    }

    private static func finish(_ table: Table?, _ tables: inout [Table]) -> Table? {
        if let table, !table.rows.isEmpty { tables.append(table) }
        return nil
    }

    /// Reads one record (RFC 4180) and moves past its line end.
    private static func record(_ bytes: [UInt8], _ at: inout Int) throws(StoreError) -> [String] {
        var cells: [String] = []
        while true {
            cells.append(try cell(bytes, &at))
            guard at < bytes.count else { return cells }
            let separator = bytes[at]
            at += 1
            if separator == UInt8(ascii: ",") { continue }
            if separator == 0x0D, at < bytes.count, bytes[at] == 0x0A { at += 1 }
            return cells
        }
    }

    private static func cell(_ bytes: [UInt8], _ at: inout Int) throws(StoreError) -> String {
        let isEnd: (UInt8) -> Bool = { $0 == UInt8(ascii: ",") || $0 == 0x0A || $0 == 0x0D }
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else {
            let start = at
            while at < bytes.count, !isEnd(bytes[at]) { at += 1 }
            return String(decoding: bytes[start..<at], as: UTF8.self)
        }
        var text: [UInt8] = []
        at += 1
        while at < bytes.count {
            if bytes[at] != UInt8(ascii: "\"") {
                text.append(bytes[at])
                at += 1
            } else if at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "\"") {
                text.append(UInt8(ascii: "\""))
                at += 2
            } else {
                at += 1
                guard at == bytes.count || isEnd(bytes[at]) else { break }
                return String(decoding: text, as: UTF8.self)
            }
        }
        throw StoreError(.invalidAnswer, "annotated CSV has a quote that does not close at byte \(at)")
    }
}
