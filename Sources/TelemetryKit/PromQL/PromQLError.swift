/// The reason why a query failed.
package struct PromQLError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// The request is wrong.
        case badData
        /// Valid in Prometheus, but not supported here.
        case unsupported
        /// The data do not match the query, or are too large for it.
        case execution
        case timeout
    }

    package var kind: Kind
    /// The description, which contains the parameter, or the line and column of the query.
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }

    /// Creates an error at a byte of the query, in the form of Prometheus: `1:7: parse error: …`, both counted from 1.
    static func at(_ offset: Int, of query: [UInt8], _ reason: String, _ kind: Kind = .badData) -> PromQLError {
        let before = query.prefix(offset)
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let column = before.count - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0) + 1
        return PromQLError(
            kind, "\(line):\(column): \(kind == .unsupported ? "not supported" : "parse error"): \(reason)")
    }
}
