import TelemetryBase

/// Parses selectors, lists of labels, and the modifiers between the two sides of an operator.
extension PromQLParser {
    // MARK: Selectors

    mutating func readSelector(named name: String?) throws(PromQLError) -> PromQLSelector {
        let start = token.offset
        var selector = PromQLSelector(name: name, matchers: [])
        if let name {
            selector.matchers.append(try matcher("__name__", .equal, name, at: start))
            advance()
        }
        if skip("{") {
            while !isSymbol("}") {
                selector.matchers.append(try readMatcher(named: name))
                guard skip(",") else { break }
            }
            try expect("}", "in a selector")
        }
        guard selector.matchers.contains(where: { !$0.matches("") }) else {
            throw error("a selector needs a condition that does not match every series", at: start)
        }
        if skip("[") { selector.window = try range() }
        if isSymbol("[") { throw error("a range of a range") }
        if isSymbol("@") { throw error("the modifier @", .unsupported) }
        if isKeyword("offset") {
            advance()
            selector.offset = try offset()
            if isSymbol("@") { throw error("the modifier @", .unsupported) }
            if isKeyword("offset") { throw error("a second offset") }
            if isSymbol("[") { throw error("the range must come before the offset") }
        }
        return selector
    }

    private mutating func readMatcher(named name: String?) throws(PromQLError) -> LabelMatcher {
        let start = token
        guard start.kind == .identifier, !start.text.contains(":") else {
            throw unexpected("in a selector, expected a label name")
        }
        advance()
        guard token.kind == .symbol, let operation = LabelMatcher.Operation(rawValue: token.text) else {
            throw unexpected("after the label \(abbreviated(start.text)), expected =, !=, =~ or !~")
        }
        advance()
        guard case .string(let value) = token.kind else {
            throw unexpected("for the label \(abbreviated(start.text)), expected a string")
        }
        if name != nil, start.text == "__name__" { throw error("the metric name is given twice", at: start.offset) }
        let matcher = try matcher(start.text, operation, value, at: token.offset)
        advance()
        return matcher
    }

    private func matcher(
        _ name: String, _ operation: LabelMatcher.Operation, _ value: String, at offset: Int
    ) throws(PromQLError) -> LabelMatcher {
        do {
            return try LabelMatcher(name, operation, value)
        } catch {
            throw self.error(
                "the pattern \(promQLEcho(value)): \(error)", at: offset, error.isUnsupported ? .unsupported : .badData)
        }
    }

    private mutating func range() throws(PromQLError) -> Int64 {
        let window = try duration("in a range")
        guard window > 0 else { throw error("a range must be longer than 0") }
        // `[5m:1m]`: the colon begins a name.
        if token.kind == .identifier, token.text.hasPrefix(":") {
            throw error("a range over an expression (subquery)", .unsupported)
        }
        try expect("]", "in a range")
        return window
    }

    private mutating func offset() throws(PromQLError) -> Int64 {
        let isNegative = skip("-")
        if !isNegative { _ = skip("+") }
        let duration = try duration("after offset")
        return isNegative ? -duration : duration
    }

    private mutating func duration(_ place: String) throws(PromQLError) -> Int64 {
        guard case .duration(let duration) = token.kind else {
            throw unexpected("\(place), expected a duration such as 5m")
        }
        advance()
        return duration
    }

    // MARK: Operators

    /// `bool on (gpu) group_left (pod)`
    mutating func modifiers(of binary: inout PromQLBinary) throws(PromQLError) {
        if isKeyword("bool") {
            guard binary.operation.isComparison else { throw error("bool is only allowed for comparisons") }
            advance()
            binary.returnsBool = true
        }
        guard isKeyword("on", "ignoring") else { return }
        binary.matching.isOn = isKeyword("on")
        advance()
        binary.matching.labels = try labelList()
        guard isKeyword("group_left", "group_right") else { return }
        if binary.operation.isSet { throw error("no grouping is allowed for \(binary.operation.rawValue)") }
        binary.matching.many = isKeyword("group_left") ? .left : .right
        advance()
        if isSymbol("(") { binary.matching.included = try labelList() }
        for label in binary.matching.included where binary.matching.isOn && binary.matching.labels.contains(label) {
            throw error("the label \(abbreviated(label)) is both in on and in group")
        }
    }

    func check(_ binary: PromQLBinary, at offset: Int) throws(PromQLError) {
        let operation = binary.operation
        for side in [binary.left, binary.right] where side.type != .scalar && side.type != .vector {
            throw error(
                "\(operation.rawValue) requires scalars or instant vectors, but this has type \(side.type.rawValue)",
                at: offset)
        }
        let scalars = [binary.left, binary.right].count { $0.type == .scalar }
        if scalars == 2, operation.isComparison, !binary.returnsBool {
            throw error("a comparison of scalars needs bool", at: offset)
        }
        if scalars > 0, operation.isSet { throw error("\(operation.rawValue) requires instant vectors", at: offset) }
        if scalars > 0, binary.matching.isOn || !binary.matching.labels.isEmpty || binary.matching.many != .none {
            throw error("on, ignoring and group require instant vectors", at: offset)
        }
    }

    // MARK: Labels

    /// `(gpu, pod)`
    mutating func labelList() throws(PromQLError) -> [String] {
        try expect("(", "before labels")
        var labels: [String] = []
        while !isSymbol(")") {
            guard token.kind == .identifier, !token.text.contains(":") else { throw unexpected("in a list of labels") }
            labels.append(token.text)
            advance()
            guard skip(",") else { break }
        }
        try expect(")", "after labels")
        return labels
    }
}
