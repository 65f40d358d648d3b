/// RFC 3339 by its grammar, with days counted year by year and month by month.
enum NaiveTimestamp {
    /// Nanoseconds since 1970; `nil` for what is no time, or none that 64 bits can count.
    static func read(_ bytes: [UInt8]) -> Int64? {
        let text = bytes.map { Character(UnicodeScalar($0)) }
        // Where digits must be, a 0 stands for them.
        let form = "0000-00-00T00:00:00"
        guard text.count > form.count else { return nil }
        for (character, place) in zip(text, form) {
            switch place {
            case "0": guard character.isASCIIDigit else { return nil }
            case "T": guard "Tt ".contains(character) else { return nil }
            default: guard character == place else { return nil }
            }
        }
        func number(_ places: Range<Int>) -> Int { Int(String(text[places]))! }
        let (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
        let (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
        guard (1...12).contains(month), (1...days(in: month, of: year)).contains(day), hour < 24, minute < 60,
            second < 60
        else { return nil }

        var rest = text[form.count...]
        var fraction = 0
        if rest.first == "." {
            let digits = rest.dropFirst().prefix { $0.isASCIIDigit }
            guard (1...9).contains(digits.count) else { return nil }
            fraction = Int(String(digits) + String(repeating: "0", count: 9 - digits.count))!
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let offset = offset(Array(rest)) else { return nil }
        var allDays = day - 1
        for earlier in 0..<year { allDays += isLeap(earlier) ? 366 : 365 }
        for earlier in 1..<month { allDays += days(in: earlier, of: year) }
        // 1970-01-01 is day 719,528 of a calendar that begins with the year 0.
        let seconds = (allDays - 719_528) * 86_400 + hour * 3_600 + minute * 60 + second - offset
        return Int64(exactly: Int128(seconds) * 1_000_000_000 + Int128(fraction))
    }

    /// In seconds east.
    private static func offset(_ text: [Character]) -> Int? {
        if text == ["Z"] || text == ["z"] { return 0 }
        guard text.count == 6, text[0] == "+" || text[0] == "-", text[3] == ":",
            [1, 2, 4, 5].allSatisfy({ text[$0].isASCIIDigit })
        else { return nil }
        let (hours, minutes) = (Int(String(text[1...2]))!, Int(String(text[4...5]))!)
        guard hours < 24, minutes < 60 else { return nil }
        return (text[0] == "+" ? 1 : -1) * (hours * 3_600 + minutes * 60)
    }

    private static func days(in month: Int, of year: Int) -> Int {
        [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    private static func isLeap(_ year: Int) -> Bool {
        year.isMultiple(of: 4) && !year.isMultiple(of: 100) || year.isMultiple(of: 400)
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) && isASCII }
}
