import TelemetryModels

/// The result of ``DCGMReader/readConcurrently(path:workers:badRows:configuration:_:)``.
public struct ConcurrentReading: Sendable {
    /// The number of samples.
    public var rowCount = 0
    /// The number of series of the samples; a series that never had a value may be missing.
    public var series: [MetricSeries] = []
    /// The rows that could not be read.
    public var badRows = BadRows()
    /// Rows without a value, and implausible values.
    public var quality = ValueQuality()
}

extension DCGMReader {
    /// Reads a file with several threads, and delivers its rows in the order of the file: the same rows, invalid rows
    /// and errors as a single reader, whatever the file contains.
    ///
    /// The file is read in blocks. The start of a block's first row is a guess, because a line end may be within
    /// quotes; a block that does not begin at the end of the previous one is read again. The memory is a few blocks and
    /// does not grow with the file. A source without offsets, such as a pipe, is read by one thread.
    ///
    /// - Parameters:
    ///   - path: The path of the file.
    ///   - policy: The behaviour at a row that cannot be read.
    ///   - configuration: The options of the CSV reader.
    ///   - workers: The number of blocks that are read at the same time; more than the number of cores brings no gain.
    ///   - body: Receives rows, and the series that their indices refer to. An error that it throws ends the reading
    ///     and is rethrown.
    /// - Throws: ``CSVError``, after the rows before it were delivered; `CancellationError`.
    public static func readConcurrently(
        path: String, workers: Int, badRows policy: BadRowPolicy = .stop,
        configuration: CSVReader.Configuration = .init(),
        _ body: (DCGMRows, [MetricSeries]) async throws -> Void
    ) async throws -> ConcurrentReading {
        try await readConcurrently(
            path: path, workers: workers, blockBytes: 4 << 20, leadRows: 4_096, badRows: policy,
            configuration: configuration, body)
    }

    /// `leadRows`: the number of rows that one reader reads at a time before workers start.
    package static func readConcurrently(
        path: String, workers: Int, blockBytes: Int, leadRows: Int, badRows policy: BadRowPolicy,
        configuration: CSVReader.Configuration,
        _ body: (DCGMRows, [MetricSeries]) async throws -> Void
    ) async throws -> ConcurrentReading {
        precondition(workers > 0 && blockBytes > 0)
        var joiner = BlockJoiner(try DCGMReader(path: path, badRows: policy, configuration: configuration))
        // The first rows are read by one reader: if it meets every series there, as in an export of ticks, no worker
        // has to learn them.
        for _ in 0..<16 {
            let known = joiner.series.count
            guard let rows = try joiner.readOn(before: .max, limit: leadRows) else { break }
            try await body(rows, joiner.series)
            if joiner.series.count == known { break }
        }
        let blocks = joiner.remainingBlocks(of: blockBytes)
        let pool = try joiner.makeWorkers(min(workers, blocks.count), configuration)
        try await withThrowingTaskGroup(of: BlockReading.self) { group in
            var started = 0
            var waiting = Array(repeating: 0, count: pool.count)
            var finished: [Int: BlockReading] = [:]
            func start(joined: Int) {
                // Each worker has its next blocks queued when it finishes one, and none runs far ahead of the others.
                while started < blocks.count, started < joined + pool.count * 4 {
                    guard let number = waiting.indices.min(by: { waiting[$0] < waiting[$1] }), waiting[number] < 2
                    else { return }
                    waiting[number] += 1
                    let block = started
                    group.addTask { [worker = pool[number]] in await worker.read(block, blocks.range(block)) }
                    started += 1
                }
            }
            for block in 0..<blocks.count {
                start(joined: block)
                while finished[block] == nil, let reading = try await group.next() {
                    finished[reading.block] = reading
                    waiting[reading.worker] -= 1
                    start(joined: block)
                }
                let end = blocks.range(block).upperBound
                while let rows = try joiner.next(&finished[block], before: end) {
                    if rows.count > 0 { try await body(rows, joiner.series) }
                    try Task.checkCancellation()
                }
            }
        }
        // The rest of a source without blocks, or bytes appended in the meantime.
        while let rows = try joiner.readOn(before: .max) { try await body(rows, joiner.series) }
        return joiner.summary
    }
}

/// The rest of a file as ranges of equal length; the last is open, because a file may grow.
private struct FileBlocks: Sendable {
    let start: Int
    let end: Int
    let blockBytes: Int

    var count: Int { max(0, end - start + blockBytes - 1) / blockBytes }

    func range(_ block: Int) -> Range<Int> {
        start + block * blockBytes..<(block == count - 1 ? .max : start + (block + 1) * blockBytes)
    }
}

/// The result of a worker for one block.
private struct BlockReading: Sendable {
    var block: Int
    /// The block's index.
    var worker: Int
    /// From the first row that was read to the start of the next one; empty if the block could not be read.
    var range = 0..<0
    /// The number of line ends in it.
    var lines = 0
    /// With the worker's own indices of series.
    var rows = DCGMRows()
    /// All series that the worker has met so far: its blocks may be delivered in another order than it read them.
    var series: [MetricSeries] = []
    var badRows = BadRows()
    var quality = ValueQuality()
}

/// Reads blocks, one at a time, and remembers the series it has met.
private actor BlockWorker {
    private let number: Int
    private var reader: DCGMReader

    /// The descriptor refers to the file being read, which may have another name by now or none.
    init(
        _ number: Int, descriptor: Int32, file: String, _ configuration: CSVReader.Configuration, learnt: LearntSeries
    ) throws(CSVError) {
        self.number = number
        var configuration = configuration
        configuration.trimsSpaces = true
        let csv = try CSVReader(descriptor: descriptor, file: file, configuration: configuration)
        reader = try DCGMReader(csv, badRows: .skip)
        reader.learnt = learnt
    }

    func read(_ block: Int, _ range: Range<Int>) -> BlockReading {
        var reading = BlockReading(block: block, worker: number)
        do throws(CSVError) {
            try reader.read(range, into: &reading)
        } catch {
            // The file cannot be read: the joiner meets the same error in the right order.
            reading.range = 0..<0
        }
        return reading
    }
}

extension DCGMReader {
    fileprivate mutating func read(_ block: Range<Int>, into reading: inout BlockReading) throws(CSVError) {
        badRows = BadRows()
        quality = ValueQuality()
        try csv.seek(toLineFrom: block.lowerBound)
        let start = csv.bytesRead
        let line = csv.nextLine
        if block.upperBound < .max { reading.rows.reserveCapacity((block.upperBound - start) / 256) }
        _ = try read(into: &reading.rows, limit: .max, before: block.upperBound)
        reading.range = start..<csv.bytesRead
        reading.lines = csv.nextLine - line
        reading.series = series
        reading.badRows = badRows
        reading.quality = quality
    }
}

/// Joins blocks in the order of the file; the only reader that knows the current position.
private struct BlockJoiner: ~Copyable {
    private var reader: DCGMReader
    /// The position of the next row, and its line.
    private var position: Int
    private var line: Int
    /// Maps every worker's index of a series to the joint one, for the rows delivered so far.
    private var numbers: [[UInt32]] = []
    /// The error that ended the reading; it is thrown after the rows before it were delivered.
    private var failure: CSVError?

    private static let unnumbered = UInt32.max

    init(_ reader: consuming DCGMReader) {
        self.reader = reader
        position = self.reader.csv.bytesRead
        line = self.reader.csv.nextLine
    }

    var series: [MetricSeries] { reader.series }

    var summary: ConcurrentReading {
        ConcurrentReading(
            rowCount: reader.rowCount, series: reader.series, badRows: reader.badRows, quality: reader.quality)
    }

    /// `nil` for a source without offsets.
    func remainingBlocks(of blockBytes: Int) -> FileBlocks {
        FileBlocks(start: position, end: reader.csv.isSeekable ? reader.fileSize : 0, blockBytes: blockBytes)
    }

    /// The workers know the series learned so far, under the same indices.
    mutating func makeWorkers(_ count: Int, _ configuration: CSVReader.Configuration) throws(CSVError) -> [BlockWorker]
    {
        numbers = Array(repeating: Array(0..<UInt32(reader.series.count)), count: count)
        var workers: [BlockWorker] = []
        for number in 0..<count {
            let descriptor = try reader.csv.duplicateDescriptor()
            workers.append(
                try BlockWorker(number, descriptor: descriptor, file: reader.file, configuration, learnt: reader.learnt)
            )
        }
        return workers
    }

    /// The rows of the block if it begins at the end of the previous one; otherwise, and after them, the rows that
    /// ``readOn(before:)`` returns.
    mutating func next(_ block: inout BlockReading?, before end: Int) throws(CSVError) -> DCGMRows? {
        if let failure { throw failure }
        guard let found = block.take() else { return try readOn(before: end) }
        guard found.range.lowerBound == position, !found.range.isEmpty, !mustTell(found) else {
            return try readOn(before: end)
        }
        position = found.range.upperBound
        line += found.lines
        reader.csv.seek(to: position, line: line)
        reader.rowCount += found.rows.count
        reader.badRows.add(found.badRows)
        reader.quality.add(found.quality)
        return numbered(found)
    }

    /// Errors of a row contain its line, and only this reader knows the lines.
    private func mustTell(_ block: BlockReading) -> Bool {
        if block.badRows.count > 0, reader.policy == .stop || reader.badRows.first.count < BadRows.kept { return true }
        return block.quality.outOfRangeCount > 0 && reader.quality.firstOutOfRange.count < ValueQuality.kept
    }

    private mutating func numbered(_ block: consuming BlockReading) -> DCGMRows {
        var numbers = self.numbers[block.worker]
        numbers += repeatElement(BlockJoiner.unnumbered, count: max(0, block.series.count - numbers.count))
        var rows = block.rows
        block.rows = DCGMRows()
        rows.seriesIndices.withUnsafeMutableBufferPointer { indices in
            for i in indices.indices {
                let index = Int(indices[i])
                var number = numbers[index]
                if number == BlockJoiner.unnumbered {
                    number = reader.learnt.number(of: block.series[index])
                    numbers[index] = number
                }
                indices[i] = number
            }
        }
        self.numbers[block.worker] = numbers
        return rows
    }

    /// Reads without a worker. `nil` if there are no more rows before `end`.
    mutating func readOn(before end: Int, limit: Int = 16_384) throws(CSVError) -> DCGMRows? {
        if let failure { throw failure }
        guard position < end else { return nil }
        var rows = DCGMRows()
        do throws(CSVError) {
            _ = try reader.read(into: &rows, limit: limit, before: end)
        } catch {
            failure = error
            guard rows.count > 0 else { throw error }
        }
        position = reader.csv.bytesRead
        line = reader.csv.nextLine
        return rows.count > 0 ? rows : nil
    }
}
