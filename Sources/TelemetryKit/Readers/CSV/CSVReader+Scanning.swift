import Glibc

extension CSVReader {
    enum Outcome {
        case row
        case end
        /// The row continues after the window.
        case needsMore
        case malformed(CSVError.Kind, offset: Int)
    }

    /// Finds the fields of the row at the window's position and moves past it, or leaves the position unchanged.
    mutating func scanRow() -> Outcome {
        rowStart = window.position
        count = 0
        let base = window.base
        // The limit of a row's length ends the view like the end of the window does, so that the outcome does not
        // depend on chunks.
        let end = rowStart + min(window.limit - rowStart, maxRowBytes)
        let trims = trimsSpaces
        var at = rowStart
        if at == window.limit { return window.isLast ? .end : .needsMore }
        while true {
            if at < end, base[at] == CSV.quote {
                let start = at + 1
                var doubled = false
                at = start
                while true {
                    at = CSV.firstQuote(base, at, end)
                    guard at < end else {
                        return cutShort(at: end, orElse: .malformed(.quoteNotClosed, offset: start - 1))
                    }
                    at += 1
                    if at == end { break }
                    if base[at] != CSV.quote { break }
                    doubled = true
                    at += 1
                }
                append(Field(start: start, end: at - 1, hasDoubledQuotes: doubled))
            } else {
                if at < end, base[at] <= 0x20, trims, CSV.isBlank(base[at]) {
                    repeat { at += 1 } while at < end && CSV.isBlank(base[at])
                    if at < end, base[at] == CSV.quote { continue }
                }
                let start = at
                while at < end {
                    let byte = base[at]
                    if byte == CSV.comma || byte == CSV.lineFeed || byte == CSV.carriageReturn { break }
                    if byte == CSV.quote { return .malformed(.strayQuote, offset: at) }
                    at += 1
                }
                var stop = at
                while stop > start, base[stop - 1] <= 0x20, trims, CSV.isBlank(base[stop - 1]) { stop -= 1 }
                append(Field(start: start, end: stop, hasDoubledQuotes: false))
            }
            // After a field, and the blanks that follow a closing quote; other fields end at the start of the next.
            behind: while true {
                if at == end {
                    let outcome = cutShort(at: end, orElse: .row)
                    if case .row = outcome { window.position = at }
                    return outcome
                }
                switch base[at] {
                case CSV.comma:
                    at += 1
                    break behind
                case CSV.lineFeed:
                    window.position = at + 1
                    return .row
                case CSV.carriageReturn:
                    if at + 1 == end { return cutShort(at: end, orElse: .malformed(.strayCarriageReturn, offset: at)) }
                    guard base[at + 1] == CSV.lineFeed else { return .malformed(.strayCarriageReturn, offset: at) }
                    window.position = at + 2
                    return .row
                default:
                    guard trims, CSV.isBlank(base[at]) else { return .malformed(.dataAfterQuote, offset: at) }
                    at += 1
                }
            }
        }
    }

    /// The view ended within a row: because of the length limit, the window or the end of the source.
    private func cutShort(at end: Int, orElse atEndOfSource: Outcome) -> Outcome {
        if end < window.limit { return .malformed(.rowTooLong, offset: rowStart) }
        return window.isLast ? atEndOfSource : .needsMore
    }

    @inline(__always)
    private mutating func append(_ field: Field) {
        if count == fieldCapacity { growFields() }
        fields[count] = field
        count &+= 1
    }

    private mutating func growFields() {
        let larger = UnsafeMutablePointer<Field>.allocate(capacity: fieldCapacity * 2)
        larger.update(from: fields, count: count)
        fields.deallocate()
        fields = larger
        fieldCapacity *= 2
    }
}

extension CSV {
    /// The position of the first quote, or `end`. Compares eight bytes at a time: in labels a quote follows after a
    /// dozen bytes, and calling `memchr` for each would cost more than the comparison.
    @inline(__always)
    static func firstQuote(_ base: UnsafeMutablePointer<UInt8>, _ from: Int, _ end: Int) -> Int {
        var at = from
        let ones: UInt64 = 0x0101_0101_0101_0101
        while at &+ 8 <= end {
            let word = UnsafeRawPointer(base).loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian
            let difference = word ^ (ones &* UInt64(quote))
            // A byte's high bit is set if it was zero; above the lowest of these, a borrow may set more.
            let zeros = (difference &- ones) & ~difference & (ones &* 0x80)
            if zeros != 0 { return at &+ zeros.trailingZeroBitCount / 8 }
            at &+= 8
        }
        while at < end, base[at] != quote { at &+= 1 }
        return at
    }
}
