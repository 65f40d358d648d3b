/// Labels read one byte after the other by the words of `MetricLabel.parse(prometheus:)`.
enum NaiveLabels {
    typealias Label = (name: [UInt8], value: [UInt8])

    private enum State {
        case beforeName, name, beforeEquals, beforeValue, value, escape, behindValue
    }

    /// `nil` labels: what is at `offset` is wrong.
    static func read(_ text: [UInt8]) -> (labels: [Label]?, offset: Int) {
        var labels: [Label] = []
        var state = State.beforeName
        var name: [UInt8] = []
        var value: [UInt8] = []
        var nameStart = 0
        var valueStart = 0
        for (at, byte) in text.enumerated() {
            let isBlank = byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
            if state == .name, !isNamePart(byte) {
                if labels.contains(where: { $0.name == name }) { return (nil, nameStart) }
                state = .beforeEquals
            }
            switch state {
            case .beforeName where isBlank, .beforeEquals where isBlank, .beforeValue where isBlank,
                .behindValue where isBlank:
                break
            case .beforeName:
                guard isNamePart(byte), !isDigit(byte) else { return (nil, at) }
                nameStart = at
                name = [byte]
                state = .name
            case .name:
                name.append(byte)
            case .beforeEquals:
                guard byte == UInt8(ascii: "=") else { return (nil, at) }
                state = .beforeValue
            case .beforeValue:
                guard byte == UInt8(ascii: "\"") else { return (nil, at) }
                valueStart = at + 1
                value = []
                state = .value
            case .value where byte == UInt8(ascii: "\\"):
                state = .escape
            case .value where byte == UInt8(ascii: "\""):
                guard String(validating: value, as: UTF8.self) != nil else { return (nil, valueStart) }
                labels.append((name, value))
                state = .behindValue
            case .value:
                guard byte != UInt8(ascii: "\n") else { return (nil, at) }
                value.append(byte)
            case .escape:
                switch byte {
                case UInt8(ascii: "\\"), UInt8(ascii: "\""): value.append(byte)
                case UInt8(ascii: "n"): value.append(UInt8(ascii: "\n"))
                default: return (nil, at - 1)
                }
                state = .value
            case .behindValue:
                guard byte == UInt8(ascii: ",") else { return (nil, at) }
                state = .beforeName
            }
        }
        switch state {
        case .beforeName, .behindValue: return (labels, text.count)
        case .name where labels.contains { $0.name == name }: return (nil, nameStart)
        case .escape: return (nil, text.count - 1)
        default: return (nil, text.count)
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isNamePart(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_") || isDigit(byte)
    }
}
