import TelemetryKit

/// A query is read, and its own text reads back as the same query; or it is refused with a line and a column that it has.
enum PromQLTarget {
    static func failure(_ input: [UInt8]) -> String? {
        let query = String(decoding: input, as: UTF8.self)
        do throws(PromQLError) {
            let text = try PromQLParser.parse(query).expression.description
            do throws(PromQLError) {
                let again = try PromQLParser.parse(text).expression.description
                return again == text
                    ? nil
                    : "\(query.debugDescription) is \(text.debugDescription), and that is \(again.debugDescription)"
            } catch {
                // The parentheses of the text nest too.
                return error.message.contains("nests more than")
                    ? nil : "\(text.debugDescription), of \(query.debugDescription): \(error)"
            }
        } catch {
            let place = error.message.split(separator: ":", maxSplits: 2).prefix(2).compactMap { Int($0) }
            let lines = query.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            guard place.count == 2, lines.indices.contains(place[0] - 1),
                (1...lines[place[0] - 1].count + 1).contains(place[1])
            else {
                return "\(query.debugDescription) has no such place: \(error)"
            }
            return nil
        }
    }
}
