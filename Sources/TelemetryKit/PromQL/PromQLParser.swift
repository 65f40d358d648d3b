import TelemetryBase

/// Parses PromQL into a type-checked tree; Docs/Prometheus.md describes the supported part.
package struct PromQLParser {
    /// The maximum depth of the tree. Evaluation recurses as deep, so that no query can exhaust the stack.
    static let maxDepth = 128
    /// The maximum length of a query in bytes.
    static let maxBytes = 64 * 1024

    let query: [UInt8]
    private let tokens: [PromQLToken]
    private var at = 0
    private var depth = 0
    private var nodes = 0
    private var selectors: [PromQLSelector] = []

    package static func parse(_ query: String) throws(PromQLError) -> PromQLQuery {
        guard query.utf8.count <= maxBytes else {
            throw PromQLError(.badData, "the query has \(query.utf8.count) bytes; the limit is \(maxBytes)")
        }
        let bytes = Array(query.utf8)
        var parser = PromQLParser(query: bytes, tokens: try PromQLLexer.tokens(bytes))
        if case .end = parser.token.kind { throw parser.error("there is no expression") }
        let expression = try parser.expression(above: 0)
        guard case .end = parser.token.kind else { throw parser.unexpected("after the expression") }
        return PromQLQuery(expression: expression, selectors: parser.selectors)
    }

    private init(query: [UInt8], tokens: [PromQLToken]) {
        self.query = query
        self.tokens = tokens
    }

    // MARK: Words

    var token: PromQLToken { tokens[at] }
    private var following: PromQLToken { tokens[min(at + 1, tokens.count - 1)] }

    mutating func advance() { at = min(at + 1, tokens.count - 1) }

    func error(_ reason: String, at offset: Int? = nil, _ kind: PromQLError.Kind = .badData) -> PromQLError {
        .at(offset ?? token.offset, of: query, reason, kind)
    }

    func unexpected(_ place: String) -> PromQLError {
        if case .end = token.kind { return error("unexpected end \(place)") }
        return error("unexpected \(promQLEcho(token.text)) \(place)")
    }

    func isSymbol(_ text: String) -> Bool { token.kind == .symbol && token.text == text }

    mutating func skip(_ symbol: String) -> Bool {
        guard isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: String, _ place: String) throws(PromQLError) {
        guard skip(symbol) else { throw unexpected("\(place), expected \(symbol)") }
    }

    /// Keywords are case-insensitive.
    func isKeyword(_ words: String...) -> Bool { token.kind == .identifier && words.contains(token.text.lowercased()) }

    mutating func newNode() -> Int {
        nodes += 1
        return nodes
    }

    // MARK: Operators

    /// Parses operators with a higher precedence than `precedence`.
    mutating func expression(above precedence: Int) throws(PromQLError) -> PromQLExpression {
        let outer = depth
        defer { depth = outer }
        try deepen()
        var left = try unary()
        while let operation = binaryOperation, operation.precedence > precedence {
            // A chain is left-associative.
            try deepen()
            let start = token.offset
            advance()
            var binary = PromQLBinary(operation: operation, left: left, right: left, node: newNode())
            try modifiers(of: &binary)
            // Powers are right-associative.
            binary.right = try expression(above: operation == .power ? operation.precedence - 1 : operation.precedence)
            try check(binary, at: start)
            left = .binary(binary)
        }
        return left
    }

    private mutating func deepen() throws(PromQLError) {
        depth += 1
        guard depth <= Self.maxDepth else {
            throw error("the expression nests more than \(Self.maxDepth) deep", .execution)
        }
    }

    private var binaryOperation: PromQLBinary.Operation? {
        switch token.kind {
        case .symbol: PromQLBinary.Operation(rawValue: token.text)
        case .identifier: PromQLBinary.Operation(rawValue: token.text.lowercased())
        default: nil
        }
    }

    private mutating func unary() throws(PromQLError) -> PromQLExpression {
        let start = token
        guard start.kind == .symbol, start.text == "-" || start.text == "+" else { return try primary() }
        advance()
        // A sign has the precedence of multiplication: -2^2 is -4.
        let operand = try expression(above: PromQLBinary.Operation.multiply.precedence)
        guard operand.type == .scalar || operand.type == .vector else {
            throw error(
                "a sign requires a scalar or an instant vector, but this has type \(operand.type.rawValue)",
                at: start.offset)
        }
        return start.text == "+" ? operand : .negated(operand)
    }

    // MARK: Operands

    private mutating func primary() throws(PromQLError) -> PromQLExpression {
        let start = token
        switch start.kind {
        case .number(let number):
            advance()
            return .number(number)
        case .string(let text):
            advance()
            return .string(text)
        case .symbol where start.text == "(":
            advance()
            let inner = try expression(above: 0)
            try expect(")", "in parentheses")
            try refuseModifiers()
            return inner
        case .symbol where start.text == "{": return try selector(named: nil)
        case .identifier:
            let isCall = following.kind == .symbol && following.text == "("
            if isCall || isGrouping(following),
                let operation = PromQLAggregation.Operation(rawValue: start.text.lowercased())
            {
                return try aggregation(operation)
            }
            if isCall { return try call() }
            switch start.text.lowercased() {
            case "inf":
                advance()
                return .number(.infinity)
            case "nan":
                advance()
                return .number(.nan)
            default: return try selector(named: start.text)
            }
        default: throw unexpected("where an expression begins")
        }
    }

    private func isGrouping(_ token: PromQLToken) -> Bool {
        token.kind == .identifier && (token.text.lowercased() == "by" || token.text.lowercased() == "without")
    }

    /// Ranges, offsets and @ belong to selectors.
    private func refuseModifiers() throws(PromQLError) {
        if isSymbol("[") { throw error("a range over an expression (subquery)", .unsupported) }
        if isSymbol("@") { throw error("the modifier @", .unsupported) }
        if isKeyword("offset") { throw error("an offset is only allowed after a selector") }
    }

    private mutating func selector(named name: String?) throws(PromQLError) -> PromQLExpression {
        var selector = try readSelector(named: name)
        selector.index = selectors.count
        selectors.append(selector)
        return .selector(selector)
    }

    // MARK: Calls

    private mutating func call() throws(PromQLError) -> PromQLExpression {
        let start = token
        guard let function = PromQLFunction(rawValue: start.text) else {
            if PromQLFunction.others.contains(start.text) { throw error("the function \(start.text)", .unsupported) }
            throw error("unknown function \(abbreviated(start.text))")
        }
        advance()
        let arguments = try self.arguments(of: start.text)
        let signature = function.signature
        let wanted = signature.parameters.count - signature.optional...signature.parameters.count
        guard wanted.contains(arguments.count) else {
            let count = wanted.count == 1 ? "\(wanted.lowerBound)" : "\(wanted.lowerBound) or \(wanted.upperBound)"
            throw error("\(start.text) takes \(count) arguments, but received \(arguments.count)", at: start.offset)
        }
        for (argument, type) in zip(arguments, signature.parameters) where argument.type != type {
            throw mismatch(start, "value", type, argument.type)
        }
        try refuseModifiers()
        return .call(function, arguments, node: newNode())
    }

    private func mismatch(
        _ name: PromQLToken, _ part: String, _ wanted: PromQLExpression.ValueType, _ found: PromQLExpression.ValueType
    ) -> PromQLError {
        error(
            "\(name.text) takes a \(part) of type \(wanted.rawValue), but this has type \(found.rawValue)",
            at: name.offset)
    }

    private mutating func arguments(of name: String) throws(PromQLError) -> [PromQLExpression] {
        try expect("(", "after \(name)")
        var arguments: [PromQLExpression] = []
        guard !skip(")") else { return [] }
        repeat { arguments.append(try expression(above: 0)) } while skip(",")
        try expect(")", "in the arguments of \(name)")
        return arguments
    }

    private mutating func aggregation(_ operation: PromQLAggregation.Operation) throws(PromQLError) -> PromQLExpression
    {
        let start = token
        advance()
        var grouping = try self.grouping()
        var arguments = try self.arguments(of: start.text)
        if grouping == nil { grouping = try self.grouping() }
        let count = operation.parameterType == nil ? 1 : 2
        guard arguments.count == count else {
            throw error("\(start.text) takes \(count) arguments, but received \(arguments.count)", at: start.offset)
        }
        let vector = arguments.removeLast()
        guard vector.type == .vector else {
            throw mismatch(start, "value", .vector, vector.type)
        }
        if let type = operation.parameterType, arguments[0].type != type {
            throw mismatch(start, "parameter", type, arguments[0].type)
        }
        try refuseModifiers()
        return .aggregation(
            PromQLAggregation(
                operation: operation, parameter: arguments.first, vector: vector,
                isWithout: grouping?.isWithout ?? false,
                labels: grouping?.labels ?? [], node: newNode()))
    }

    private mutating func grouping() throws(PromQLError) -> (isWithout: Bool, labels: [String])? {
        guard isGrouping(token) else { return nil }
        let isWithout = token.text.lowercased() == "without"
        advance()
        return (isWithout, try labelList())
    }
}
