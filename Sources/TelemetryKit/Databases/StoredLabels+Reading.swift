import TelemetryBase
import TelemetryModels
import TelemetryStores

extension StoredLabels {
    static func labels(_ text: String) throws(StoreError) -> [MetricLabel] {
        do {
            if text.utf8.first != UInt8(ascii: "{") { return try MetricLabel.parse(prometheus: text) }
            var text = text
            return try text.withUTF8 { utf8 in
                var reader = JSONReader(UnsafeRawBufferPointer(utf8))
                var labels: [MetricLabel] = []
                try reader.beginObject()
                while let name = try reader.nextKey() {
                    labels.append(MetricLabel(name: name.string, value: try reader.readString()))
                }
                return labels
            }
        } catch {
            throw StoreError(.invalidAnswer, "the field labels_raw contains \(text.debugDescription): \(error)")
        }
    }
}
