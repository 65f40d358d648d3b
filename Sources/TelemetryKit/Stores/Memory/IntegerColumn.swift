/// 64-bit integers, each stored as its distance from the prediction of a simple predictor.
///
/// The distances of a column have the same number of bits each; the few that need more are stored at the end as
/// exceptions (the idea of PFOR: Zukowski et al., Super-Scalar RAM-CPU Cache Compression, ICDE 2006). A column is
/// therefore read without a branch per number, and one missed scrape does not widen all the others. Arithmetic wraps:
/// every column of integers is restored exactly, whatever its content.
///
/// The layout: predictor (1 byte), bits per distance (1), exceptions (2), base (8), slope (8), the distances from the
/// lowest bit on, the exceptions' indices (2 bytes each) and distances (8 bytes each); numbers are little-endian.
enum IntegerColumn {
    enum Predictor: UInt8 {
        /// base + slope · i: numbers around a level or, like the times of regular scrapes, around a straight line.
        case line
        /// The previous number + slope.
        case delta
        /// The previous number + the last step; the first step is the slope.
        case deltaOfDelta
        /// The previous number. The distance is the XOR, as in Gorilla (Pelkonen et al., VLDB 2015), without the lowest
        /// bits that never differ, whose number is the slope.
        case xor
    }

    /// One way to encode a column.
    struct Plan {
        var predictor: Predictor
        var base: Int64 = 0
        var slope: Int64 = 0
        fileprivate(set) var width = 0
        fileprivate(set) var exceptions = 0
        /// The size in bits, without the header.
        fileprivate(set) var cost = Int.max

        init(_ predictor: Predictor, base: Int64, slope: Int64) {
            self.predictor = predictor
            self.base = base
            self.slope = slope
        }
    }

    static let header = 20
    /// Distances are read eight bytes at a time, including the last.
    static let padding = 8
    /// An exception's index has 16 bits.
    static let maximumCount = 1 << 16
    private static let exceptionBits = 16 + 64

    static func byteCount(_ plan: Plan, count: Int) -> Int {
        header + (count * plan.width + 7) / 8 + plan.exceptions * exceptionBits / 8
    }
}

// MARK: - Choosing

extension IntegerColumn {
    /// The smallest encoding for times, from 0 on: ticks of a clock with jitter, with gaps, or of a source that speeds
    /// up.
    static func planTimes(_ numbers: UnsafeBufferPointer<Int64>, rounding: Int64) -> Plan {
        var best = deltas(numbers)
        let count = Int64(numbers.count)
        guard best.cost > 0, count > 2 else { return best }
        // The mean step depends on the jitter of the first and last; the intended interval is usually a whole number of
        // milliseconds.
        let (span, over) = numbers[numbers.count - 1].subtractingReportingOverflow(numbers[0])
        if !over {
            func rounded(_ number: Int64, _ part: Int64) -> Int64 {
                number / part + (number % part >= (part + 1) / 2 ? 1 : 0)
            }
            let mean = rounded(span, count - 1)
            let whole = rounded(mean, rounding) &* rounding
            consider(level(numbers, slope: mean), &best)
            if whole != mean { consider(level(numbers, slope: whole), &best) }
        }
        var plan = Plan(.deltaOfDelta, base: numbers[0], slope: numbers[1] &- numbers[0])
        measure(&plan, numbers)
        consider(plan, &best)
        return best
    }

    /// The smallest encoding for measured values.
    static func planValues(_ numbers: UnsafeBufferPointer<Int64>) -> Plan {
        var best = level(numbers, slope: 0)
        if best.cost > 0 { consider(deltas(numbers), &best) }
        return best
    }

    /// The smallest encoding for the bits of floating-point values.
    static func planBits(_ numbers: UnsafeBufferPointer<Int64>) -> Plan {
        var differing: Int64 = 0
        for i in 1..<max(1, numbers.count) { differing |= numbers[i] ^ numbers[i - 1] }
        var best = Plan(.xor, base: numbers[0], slope: differing == 0 ? 0 : Int64(differing.trailingZeroBitCount))
        measure(&best, numbers)
        consider(deltas(numbers), &best)
        return best
    }

    private static func consider(_ plan: Plan, _ best: inout Plan) {
        if plan.cost < best.cost { best = plan }
    }

    private static func level(_ numbers: UnsafeBufferPointer<Int64>, slope: Int64) -> Plan {
        centered(numbers, first: 0, term: { numbers[$0] &- slope &* Int64($0) }) { Plan(.line, base: $0, slope: slope) }
    }

    private static func deltas(_ numbers: UnsafeBufferPointer<Int64>) -> Plan {
        centered(numbers, first: 1, term: { numbers[$0] &- numbers[$0 - 1] }) {
            Plan(.delta, base: numbers[0], slope: $0)
        }
    }

    /// The better of two centres from which the terms are stored as distances: halfway between the ends, which needs
    /// the fewest bits for all, and a typical one, which needs the fewest if some are outliers.
    @inline(__always)
    private static func centered(
        _ numbers: UnsafeBufferPointer<Int64>, first: Int, term: (Int) -> Int64, plan: (Int64) -> Plan
    ) -> Plan {
        guard numbers.count > first else {
            var only = plan(0)
            measure(&only, numbers)
            return only
        }
        var low = term(first)
        var high = low
        for i in first..<numbers.count {
            let one = term(i)
            low = min(low, one)
            high = max(high, one)
        }
        let range = UInt64(bitPattern: high &- low)
        var best = plan(low &+ Int64(bitPattern: range / 2 + range % 2))
        measure(&best, numbers)
        guard best.cost > 0 else { return best }
        let step = max(1, (numbers.count - first) / 9)
        let probes = stride(from: first, to: numbers.count, by: step).map(term).sorted()
        var typical = plan(probes[probes.count / 2])
        measure(&typical, numbers)
        consider(typical, &best)
        return best
    }

    /// Finds the width that minimises the size of the distances and the exceptions.
    private static func measure(_ plan: inout Plan, _ numbers: UnsafeBufferPointer<Int64>) {
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 65) { lengths in
            lengths.initialize(repeating: 0)
            forEachDistance(plan, numbers) { _, distance in lengths[64 - distance.leadingZeroBitCount] += 1 }
            var longer = 0
            for width in stride(from: 64, through: 0, by: -1) {
                // Wider than 56 bits, a distance could extend over more bytes than are read at once.
                if width <= 56 || width == 64 {
                    let cost = numbers.count * width + longer * exceptionBits
                    if cost <= plan.cost {
                        plan.cost = cost
                        plan.width = width
                        plan.exceptions = longer
                    }
                }
                longer += Int(lengths[width])
            }
        }
    }

    @inline(__always)
    private static func forEachDistance(
        _ plan: Plan, _ numbers: UnsafeBufferPointer<Int64>, _ body: (Int, UInt64) -> Void
    ) {
        func folded(_ distance: Int64) -> UInt64 { UInt64(bitPattern: distance &<< 1 ^ distance &>> 63) }
        var before = plan.base
        switch plan.predictor {
        case .line:
            for i in 0..<numbers.count {
                body(i, folded(numbers[i] &- before))
                before &+= plan.slope
            }
        case .delta:
            before &-= plan.slope
            for i in 0..<numbers.count {
                body(i, folded(numbers[i] &- before &- plan.slope))
                before = numbers[i]
            }
        case .deltaOfDelta:
            var step = plan.slope
            before &-= step
            for i in 0..<numbers.count {
                body(i, folded(numbers[i] &- before &- step))
                step = numbers[i] &- before
                before = numbers[i]
            }
        case .xor:
            for i in 0..<numbers.count {
                body(i, UInt64(bitPattern: numbers[i] ^ before) &>> UInt64(plan.slope))
                before = numbers[i]
            }
        }
    }
}

// MARK: - Writing and reading

extension IntegerColumn {
    /// Appends the column. The last one of a text is followed by ``padding``.
    static func write(_ plan: Plan, _ numbers: UnsafeBufferPointer<Int64>, to bytes: inout [UInt8]) {
        precondition(numbers.count <= maximumCount, "a column of \(numbers.count) numbers")
        func put(_ number: some FixedWidthInteger) {
            withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
        }
        put(plan.predictor.rawValue)
        put(UInt8(plan.width))
        put(UInt16(plan.exceptions))
        put(plan.base)
        put(plan.slope)
        var exceptions: [(place: UInt16, distance: UInt64)] = []
        let end = bytes.count + (numbers.count * plan.width + 7) / 8
        var pending: UInt64 = 0
        var filled = 0
        forEachDistance(plan, numbers) { i, distance in
            if plan.width < 64, distance >> UInt64(plan.width) != 0 { exceptions.append((UInt16(i), distance)) }
            let kept = plan.width == 64 ? distance : distance & (1 << UInt64(plan.width) - 1)
            pending |= kept &<< UInt64(filled)
            guard filled + plan.width >= 64 else { return filled += plan.width }
            put(pending)
            // The rest that did not fit; if everything fitted, the shift is by 64 and leaves nothing.
            pending = kept >> UInt64(64 - filled)
            filled += plan.width - 64
        }
        while bytes.count < end {
            put(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
        }
        for exception in exceptions { put(exception.place) }
        for exception in exceptions { put(exception.distance) }
    }

    /// Reads `count` numbers, for which `numbers` has space, and returns the number of bytes consumed.
    @discardableResult
    static func read(_ count: Int, from bytes: UnsafeRawPointer, into numbers: UnsafeMutablePointer<Int64>) -> Int {
        let width = Int(bytes.load(fromByteOffset: 1, as: UInt8.self))
        let exceptions = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        let base = Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: Int64.self))
        let slope = Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 12, as: Int64.self))
        unpack(count, width: width, from: bytes + header, into: numbers)
        let places = bytes + header + (count * width + 7) / 8
        let distances = places + exceptions * 2
        for i in 0..<exceptions {
            let place = Int(UInt16(littleEndian: places.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self)))
            numbers[place] = Int64(littleEndian: distances.loadUnaligned(fromByteOffset: i * 8, as: Int64.self))
        }
        func unfolded(_ number: Int64) -> Int64 { Int64(bitPattern: UInt64(bitPattern: number) &>> 1) ^ -(number & 1) }
        var before = base
        switch Predictor(rawValue: bytes.load(as: UInt8.self))! {
        case .line:
            for i in 0..<count {
                numbers[i] = before &+ unfolded(numbers[i])
                before &+= slope
            }
        case .delta:
            before &-= slope
            for i in 0..<count {
                before &+= slope &+ unfolded(numbers[i])
                numbers[i] = before
            }
        case .deltaOfDelta:
            var step = slope
            before &-= step
            for i in 0..<count {
                step &+= unfolded(numbers[i])
                before &+= step
                numbers[i] = before
            }
        case .xor:
            for i in 0..<count {
                before ^= numbers[i] &<< slope
                numbers[i] = before
            }
        }
        return distances - bytes + exceptions * 8
    }

    private static func unpack(
        _ count: Int, width: Int, from bytes: UnsafeRawPointer, into numbers: UnsafeMutablePointer<Int64>
    ) {
        guard width > 0 else { return numbers.update(repeating: 0, count: count) }
        let mask = width == 64 ? -1 : Int64(1) &<< Int64(width) &- 1
        var bit = 0
        for i in 0..<count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: bit &>> 3, as: UInt64.self))
            numbers[i] = Int64(bitPattern: word &>> UInt64(bit & 7)) & mask
            bit &+= width
        }
    }
}
