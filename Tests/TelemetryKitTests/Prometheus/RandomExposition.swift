import TelemetryKit

/// A text in the exposition format made from a seed, with what a reader must find in it.
struct RandomExposition {
    var text = ""
    var families: [PrometheusFamily] = []
    var lines: [PrometheusTextReaderTests.Line] = []
    private var random: SeededRandom

    /// `strictBlanks`: only blanks that every parser takes.
    init(seed: UInt64, strictBlanks: Bool = false) {
        random = SeededRandom(seed: seed)
        for number in 0..<Int.random(in: 0...6, using: &random) { appendFamily(number, strictBlanks) }
    }

    private mutating func oneOf<T>(_ choices: [T]) -> T { choices.randomElement(using: &random)! }

    private mutating func appendFamily(_ number: Int, _ strictBlanks: Bool) {
        let name = oneOf(["DCGM_FI_DEV_GPU_TEMP", "a", "_b:c", "http_seconds", ":x9"]) + "_\(number)"
        var family = PrometheusFamily(name: name)
        if Bool.random(using: &random) {
            let help = words(["Temperature", " in °C", "\\", "\n", "\"", "\t#", "x"], after: "H")
            family.help = help
            text += "# HELP \(name) \(help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n"))\n"
        }
        if Bool.random(using: &random) {
            family.type = oneOf([.counter, .gauge, .untyped])
            text += "# TYPE \(name) \(family.type.rawValue)\n"
        }
        if family.help != nil || family.type != .untyped { families.append(family) }
        for _ in 0..<Int.random(in: 0...5, using: &random) { appendSample(name, strictBlanks) }
        if Int.random(in: 0..<4, using: &random) == 0 { text += oneOf(["\n", "# a comment {\n", "  \t\n"]) }
    }

    private mutating func appendSample(_ name: String, _ strictBlanks: Bool) {
        func blank(_ random: inout SeededRandom) -> String {
            strictBlanks ? "" : ["", "", " ", "\t ", "  "].randomElement(using: &random)!
        }
        let labels = ["UUID", "gpu", "Hostname", "_x", "le9"].shuffled(using: &random).prefix(
            Int.random(in: 0...5, using: &random)
        ).map {
            ($0, words(["GPU-5fd4", "\\", "\"", "\n", "}", "{", ",", "=", " ", "#", "é", "😀"], after: ""))
        }
        text += blank(&random) + name + blank(&random)
        if !labels.isEmpty || Bool.random(using: &random) {
            let pairs = labels.map { label, value in
                let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing(
                    "\n", with: "\\n")
                return blank(&random) + label + blank(&random) + "=" + blank(&random) + "\"\(escaped)\""
                    + blank(&random)
            }
            text +=
                "{" + pairs.joined(separator: ",") + (labels.isEmpty || Bool.random(using: &random) ? "" : ",") + "}"
        }
        let value = randomValue()
        let timestamp = Bool.random(using: &random) ? Int64.random(in: -5...2_000_000_000_000, using: &random) : nil
        text += " \(blank(&random))\(value.text)"
        if let timestamp { text += " \(blank(&random))\(timestamp)" }
        text += blank(&random) + "\n"
        lines.append(.init(name, labels, value.value, timestamp))
    }

    private mutating func randomValue() -> (text: String, value: Double) {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return oneOf([("NaN", .nan), ("+Inf", .infinity), ("-Inf", -.infinity), ("Inf", .infinity)])
        case 1:
            let number = Int64.random(in: .min ... .max, using: &random)
            return ("\(number)", Double(number))
        case 2:
            let number = Double(Int.random(in: -99_999...99_999, using: &random)) / 1000
            return ("\(number)", number)
        default:
            let number = Double(bitPattern: UInt64.random(in: .min ... .max, using: &random))
            return number.isFinite ? ("\(number)", number) : ("0", 0)
        }
    }

    private mutating func words(_ choices: [String], after start: String) -> String {
        (0..<Int.random(in: 0...4, using: &random)).reduce(start) { text, _ in text + oneOf(choices) }
    }
}
