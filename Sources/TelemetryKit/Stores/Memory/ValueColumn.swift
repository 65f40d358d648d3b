/// The values of a block in the shortest of several encodings; each value is restored bit for bit.
///
/// DCGM's values are usually integers or decimals of a few digits, so that a value is nearly always an integer divided
/// by a power of ten. If there are few different values, however far apart, they are numbered. The others are stored by
/// their bits.
enum ValueColumn {
    private enum Form: UInt8 {
        /// The bits of the single value follow.
        case constant
        /// The number of different values minus one, their bits, and an ``IntegerColumn`` of indices.
        case dictionary
        /// The number of decimals, and an ``IntegerColumn`` of the value times that power of ten.
        case decimal
        /// An ``IntegerColumn`` of the values' bits.
        case bits
    }

    private static let maximumDecimals = 9
    private static let maximumDictionary = 32

    static func encode(_ values: UnsafeBufferPointer<Double>) -> [UInt8] {
        let first = values[0].bitPattern
        if values.allSatisfy({ $0.bitPattern == first }) {
            return [Form.constant.rawValue] + withUnsafeBytes(of: first.littleEndian, Array.init)
        }
        return withUnsafeTemporaryAllocation(of: Int64.self, capacity: values.count) { numbers in
            let decimals = scale(values, to: numbers)
            if decimals == nil {
                for i in 0..<values.count {
                    numbers.initializeElement(at: i, to: Int64(bitPattern: values[i].bitPattern))
                }
            }
            let column = UnsafeBufferPointer(numbers)
            let plan = decimals == nil ? IntegerColumn.planBits(column) : IntegerColumn.planValues(column)
            if let numbered = dictionary(values, cheaperThan: plan.cost) { return numbered }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(2 + IntegerColumn.byteCount(plan, count: values.count) + IntegerColumn.padding)
            bytes.append(decimals == nil ? Form.bits.rawValue : Form.decimal.rawValue)
            if let decimals { bytes.append(UInt8(decimals)) }
            IntegerColumn.write(plan, column, to: &bytes)
            for _ in 0..<IntegerColumn.padding { bytes.append(0) }
            return bytes
        }
    }

    /// Reads `count` values, for which `values` has space.
    static func decode(_ count: Int, from bytes: UnsafeRawPointer, into values: UnsafeMutablePointer<Double>) {
        func readIntegers(_ offset: Int) {
            values.withMemoryRebound(to: Int64.self, capacity: count) {
                _ = IntegerColumn.read(count, from: bytes + offset, into: $0)
            }
        }
        func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        func integer(_ i: Int) -> Int64 { Int64(bitPattern: values[i].bitPattern) }
        switch Form(rawValue: bytes.load(as: UInt8.self))! {
        case .constant:
            values.update(repeating: Double(bitPattern: word(1)), count: count)
        case .dictionary:
            let entries = Int(bytes.load(fromByteOffset: 1, as: UInt8.self)) + 1
            readIntegers(2 + entries * 8)
            for i in 0..<count { values[i] = Double(bitPattern: word(2 + Int(integer(i)) * 8)) }
        case .decimal:
            let decimals = Int(bytes.load(fromByteOffset: 1, as: UInt8.self))
            readIntegers(2)
            if decimals == 0 {
                for i in 0..<count { values[i] = Double(integer(i)) }
            } else {
                let power = power(decimals)
                for i in 0..<count { values[i] = Double(integer(i)) / power }
            }
        case .bits:
            readIntegers(1)
        }
    }

    private static func power(_ decimals: Int) -> Double { (0..<decimals).reduce(1) { product, _ in product * 10 } }

    /// The value as an integer multiple of the power, if that is exact: a quotient of two numbers that a Double
    /// represents exactly is the Double nearest to the decimal, which is how the decimal's text is parsed.
    @inline(__always)
    private static func whole(_ value: Double, _ power: Double) -> Int64? {
        let product = value * power
        guard abs(product) < 0x1p53 else { return nil }
        let number = Int64(product + (product < 0 ? -0.5 : 0.5))
        return (Double(number) / power).bitPattern == value.bitPattern ? number : nil
    }

    /// Converts all values to integers, and returns the power of ten; `nil` if there is none, and also for -0.
    private static func scale(_ values: UnsafeBufferPointer<Double>, to numbers: UnsafeMutableBufferPointer<Int64>)
        -> Int?
    {
        var decimals = 0
        var power = 1.0
        var done = 0
        while done < values.count {
            if let number = whole(values[done], power) {
                numbers.initializeElement(at: done, to: number)
                done += 1
            } else {
                guard decimals < maximumDecimals else { return nil }
                decimals += 1
                power *= 10
                // From the start: the previous values are integers of smaller units too, unless they become too large.
                done = 0
            }
        }
        return decimals
    }

    /// The values by number, if there are few different ones and that needs fewer than this number of bits.
    private static func dictionary(_ values: UnsafeBufferPointer<Double>, cheaperThan bits: Int) -> [UInt8]? {
        // At least two values and one bit for each.
        guard bits > 128 + values.count / 8 else { return nil }
        var entries: [UInt64] = []
        return withUnsafeTemporaryAllocation(of: Int64.self, capacity: values.count) { numbers in
            var last: UInt64?
            for i in 0..<values.count {
                let pattern = values[i].bitPattern
                if pattern == last {
                    numbers.initializeElement(at: i, to: numbers[i - 1])
                } else if let known = entries.firstIndex(of: pattern) {
                    numbers.initializeElement(at: i, to: Int64(known))
                } else {
                    guard entries.count < maximumDictionary else { return nil }
                    numbers.initializeElement(at: i, to: Int64(entries.count))
                    entries.append(pattern)
                }
                last = pattern
            }
            let plan = IntegerColumn.planValues(UnsafeBufferPointer(numbers))
            guard plan.cost + entries.count * 64 < bits else { return nil }
            var bytes = [Form.dictionary.rawValue, UInt8(entries.count - 1)]
            bytes.reserveCapacity(
                2 + entries.count * 8 + IntegerColumn.byteCount(plan, count: values.count) + IntegerColumn.padding)
            for entry in entries { withUnsafeBytes(of: entry.littleEndian) { bytes.append(contentsOf: $0) } }
            IntegerColumn.write(plan, UnsafeBufferPointer(numbers), to: &bytes)
            for _ in 0..<IntegerColumn.padding { bytes.append(0) }
            return bytes
        }
    }
}
