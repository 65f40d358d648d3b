/// A dictionary whose keys are texts that are equal if their bytes are equal, unlike those of `[String: Value]`: see
/// ``ByteText``.
package struct TextTable<Value> {
    private var table: [ByteText: Value] = [:]

    package init() {}

    package var count: Int { table.count }
    package var isEmpty: Bool { table.isEmpty }
    package var keys: some Collection<String> { table.keys.lazy.map(\.string) }
    package var values: some Collection<Value> { table.values }
    /// The keys, ordered by their bytes.
    package var sortedKeys: [String] { table.keys.sorted().map(\.string) }
    /// The entries, ordered by the bytes of their keys.
    package var sorted: [(key: String, value: Value)] {
        table.sorted { $0.key < $1.key }.map { ($0.key.string, $0.value) }
    }

    package subscript(_ key: String) -> Value? {
        get { table[ByteText(key)] }
        _modify { yield &table[ByteText(key)] }
    }

    package subscript(_ key: String, default value: @autoclosure () -> Value) -> Value {
        get { table[ByteText(key)] ?? value() }
        _modify { yield &table[ByteText(key), default: value()] }
    }

    package mutating func updateAll(_ body: (inout Value) -> Void) {
        for index in table.values.indices { body(&table.values[index]) }
    }

    package func mapValues<New>(_ body: (Value) -> New) -> TextTable<New> {
        var new = TextTable<New>()
        new.table = table.mapValues(body)
        return new
    }

    package mutating func removeAll(where body: (Value) -> Bool) {
        table = table.filter { !body($0.value) }
    }
}

extension TextTable: Sequence {
    package func makeIterator() -> some IteratorProtocol<(key: String, value: Value)> {
        table.lazy.map { (key: $0.key.string, value: $0.value) }.makeIterator()
    }
}

extension TextTable: ExpressibleByDictionaryLiteral {
    /// The last value counts if a key occurs twice.
    package init(dictionaryLiteral elements: (String, Value)...) {
        for (key, value) in elements { self[key] = value }
    }
}

extension TextTable: Sendable where Value: Sendable {}
extension TextTable: Equatable where Value: Equatable {}
