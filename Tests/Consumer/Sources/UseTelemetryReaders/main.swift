import TelemetryReaders

var reader = try DCGMReader(path: CommandLine.arguments[1])
var rows = DCGMRows()
_ = try reader.read(into: &rows, limit: 100)
guard rows.count == 100, !reader.series.isEmpty else { fatalError("read \(rows.count) rows") }
