/// The words behind the command, and its `--name value` pairs.
package struct Arguments {
    package private(set) var words: [String] = []
    private var values: [String: String] = [:]

    package init(_ arguments: some Sequence<String>) {
        var rest = Array(arguments)[...]
        while let first = rest.popFirst() {
            if first.hasPrefix("--") {
                guard let value = rest.popFirst() else { fail("\(first) needs a value") }
                values[String(first.dropFirst(2))] = value
            } else {
                words.append(first)
            }
        }
    }

    package func int(_ name: String, default preset: Int? = nil) -> Int {
        guard let text = values[name] else {
            guard let preset else { fail("--\(name) is missing") }
            return preset
        }
        guard let value = Int(text) else { fail("--\(name): \(text) is not a number") }
        return value
    }

    package func string(_ name: String) -> String {
        guard let text = values[name] else { fail("--\(name) is missing") }
        return text
    }
}
