import TelemetryBase

/// A regular expression that matches a whole text, in time linear in its length: patterns come from clients, and a
/// backtracking search could be made to run for ever.
///
/// The pattern is compiled to a program whose states are followed in parallel (K. Thompson, Regular expression search
/// algorithm, 1968).
package struct LinearRegex: Sendable {
    /// Limits both the memory and the time per character.
    static let maxInstructions = 10_000

    private enum Instruction: Sendable {
        case one(ScalarSet)
        case split(Int, Int)
        case jump(Int)
        case atStart, atEnd
        case match
    }

    /// The texts that match, if the pattern lists them explicitly.
    let literals: [String]?
    private var program: [Instruction] = []

    package init(_ pattern: String) throws(RegexError) {
        let node = try RegexParser.parse(pattern)
        literals = node.literals()
        if literals == nil {
            try emit(node)
            try append(.match)
        }
    }

    private mutating func append(_ instruction: Instruction) throws(RegexError) {
        guard program.count < Self.maxInstructions else {
            throw RegexError(
                offset: 0, reason: "too many repetitions: more than \(Self.maxInstructions) states", isUnsupported: true
            )
        }
        program.append(instruction)
    }

    private mutating func emit(_ node: RegexNode) throws(RegexError) {
        switch node {
        case .empty: break
        case .one(let set): try append(.one(set))
        case .atStart: try append(.atStart)
        case .atEnd: try append(.atEnd)
        case .sequence(let nodes): for node in nodes { try emit(node) }
        case .alternatives(let nodes):
            var jumps: [Int] = []
            for node in nodes.dropLast() {
                let split = program.count
                try append(.split(split + 1, 0))
                try emit(node)
                jumps.append(program.count)
                try append(.jump(0))
                program[split] = .split(split + 1, program.count)
            }
            try emit(nodes.last!)
            for jump in jumps { program[jump] = .jump(program.count) }
        case .repeated(let node, let minimum, let maximum):
            for _ in 0..<minimum {
                let before = program.count
                try emit(node)
                // A node that consumes no character is repeated once only; repetitions of repetitions of it would never
                // end.
                if program.count == before { break }
            }
            guard let maximum else {
                let split = program.count
                try append(.split(split + 1, 0))
                try emit(node)
                try append(.jump(split))
                program[split] = .split(split + 1, program.count)
                return
            }
            var splits: [Int] = []
            for _ in minimum..<maximum {
                splits.append(program.count)
                try append(.split(program.count + 1, 0))
                try emit(node)
            }
            for split in splits { program[split] = .split(split + 1, program.count) }
        }
    }

    /// Returns whether the whole text matches; `false` also if the task is cancelled meanwhile.
    package func matches(_ text: String) -> Bool {
        if let literals { return literals.contains { $0.hasBytes(of: text) } }
        let scalars = Array(text.unicodeScalars)
        var states = StateList(count: program.count)
        var next = states
        var work = 0
        follow(0, at: 0, of: scalars.count, &states)
        for (i, scalar) in scalars.enumerated() {
            if states.list.isEmpty { return false }
            // Ten thousand states times a long text take seconds. The caller also checks for cancellation.
            work += states.list.count
            if work > 1 << 18 {
                if Task.isCancelled { return false }
                work = 0
            }
            next.removeAll()
            for state in states.list {
                if case .one(let set) = program[state], set.contains(scalar) {
                    follow(state + 1, at: i + 1, of: scalars.count, &next)
                }
            }
            swap(&states, &next)
        }
        return states.list.contains { if case .match = program[$0] { true } else { false } }
    }

    /// Adds the states that are reached from one without consuming a character.
    private func follow(_ state: Int, at place: Int, of count: Int, _ states: inout StateList) {
        var open = [state]
        while let state = open.popLast() {
            guard states.insert(state) else { continue }
            switch program[state] {
            case .jump(let target): open.append(target)
            case .split(let first, let second): open += [second, first]
            case .atStart: if place == 0 { open.append(state + 1) }
            case .atEnd: if place == count { open.append(state + 1) }
            case .one, .match: break
            }
        }
    }

    private struct StateList {
        var list: [Int] = []
        private var isListed: [Bool]

        init(count: Int) { isListed = Array(repeating: false, count: count) }

        mutating func insert(_ state: Int) -> Bool {
            if isListed[state] { return false }
            isListed[state] = true
            list.append(state)
            return true
        }

        mutating func removeAll() {
            for state in list { isListed[state] = false }
            list.removeAll(keepingCapacity: true)
        }
    }
}
