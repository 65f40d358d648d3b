import TelemetryBase
import TelemetryModels

/// The columns of a file that contain the parts of a DCGM record.
///
/// Names are compared without regard to case and underscores: `modelName` and `model_name` are the same. Other columns
/// are not used.
struct DCGMColumns: Equatable, Sendable {
    var timestamp: Int
    var metricName: Int
    var uuid: Int
    var value: Int
    /// Of each of `GPUMember.all`. A file without a column that is not required has no such texts.
    var gpu: [Int?]
    /// `nil`: the file has no labels.
    var labels: Int?

    /// The columns that identify the series, in the order of the file.
    var identity: [Int]

    init(header: [String], file: String) throws(CSVError) {
        var places: [String: Int] = [:]
        for (index, name) in header.enumerated() {
            let key = DCGMColumns.key(name)
            guard places.updateValue(index, forKey: key) == nil else {
                throw CSVError(
                    .duplicateColumn, file: file, line: 1, column: index + 1, columnName: name,
                    message: "the header contains the column \(abbreviated(name)) twice")
            }
        }
        var missing: [String] = []
        func required(_ name: String) -> Int {
            if let place = places[DCGMColumns.key(name)] { return place }
            missing.append(name)
            return -1
        }
        timestamp = required("timestamp")
        metricName = required("metric_name")
        gpu = GPUMember.all.map { $0.isRequired ? required($0.column) : places[DCGMColumns.key($0.column)] }
        uuid = places[DCGMColumns.key(GPUMember.uuid.column)] ?? -1
        value = required("value")
        labels = places["labelsraw"]
        identity = [metricName] + (gpu + [labels]).compactMap { $0 }
        identity.sort()
        guard missing.isEmpty else {
            throw CSVError(
                .missingColumn, file: file, line: 1,
                message:
                    "the header lacks the column \(missing.joined(separator: ", ")); it has \(abbreviated(header.joined(separator: ", "), to: 200))"
            )
        }
    }

    private static func key(_ name: String) -> String {
        name.filter { $0 != "_" && $0 != " " }.lowercased()
    }
}
