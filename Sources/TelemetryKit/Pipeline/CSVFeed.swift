import Glibc
import TelemetryBase
import TelemetryIO
import TelemetryModels
import TelemetryReaders

/// Reads a ``CSVInput`` as one sequence of rows: file after file, or a stream. Series keep their indices throughout.
struct CSVFeed: ~Copyable {
    enum Outcome {
        /// The requested number of rows.
        case rows
        /// Fewer, because the stream has no more data yet.
        case starved
        /// Fewer, because the pass is complete.
        case end
    }

    private let input: CSVInput
    private let policy: BadRowPolicy
    private let ignoresTimes: Bool
    private let stream: StreamInput?
    /// `nil` until a stream has delivered its header.
    private var reader: DCGMReader?

    /// The files of this pass, and the index of the current or last one.
    private var files: [String] = []
    private var sizes: [Int] = []
    private var current = -1
    private var isOpen = false
    private var opened = 0
    private var firstFailure: CSVError?
    /// The reason why files of a set could not be read, by path.
    private(set) var rejectedFiles: [String: String] = [:]
    /// The numbers of valid and invalid rows when the current file was opened.
    private var countsAtOpening = (good: 0, bad: 0)

    private var doneBytes = 0
    private(set) var totalBytes = 0

    /// Opens the first file that can be read, and reads its header.
    ///
    /// - Parameter ignoresTimes: Whether the timestamps of rows are ignored, and no reason to reject a row.
    static func open(_ input: CSVInput, badRows policy: BadRowPolicy, ignoresTimes: Bool = false) throws(CSVError)
        -> CSVFeed
    {
        var feed = CSVFeed(input, policy, ignoresTimes, try stream(input))
        if !feed.isStream { try feed.rewind() }
        return feed
    }

    private init(_ input: CSVInput, _ policy: BadRowPolicy, _ ignoresTimes: Bool, _ stream: StreamInput?) {
        self.input = input
        self.policy = policy
        self.ignoresTimes = ignoresTimes
        self.stream = stream
    }

    private static func stream(_ input: CSVInput) throws(CSVError) -> StreamInput? {
        switch input {
        case .descriptor(let descriptor, let name): StreamInput(descriptor: descriptor, name: name)
        case .path(let path): input.isStream ? try StreamInput(path: path) : nil
        }
    }

    var isStream: Bool { stream != nil }
    var series: [MetricSeries] { ask { $0.series } ?? [] }
    var badRows: BadRows { ask { $0.badRows } ?? BadRows() }
    var quality: ValueQuality { ask { $0.quality } ?? ValueQuality() }
    var bytesRead: Int { doneBytes + openBytes }

    private var openBytes: Int { isOpen ? ask { $0.bytesRead } ?? 0 : 0 }

    private func ask<Answer>(_ question: (borrowing DCGMReader) -> Answer) -> Answer? {
        switch reader {
        case .some(let reader): question(reader)
        case nil: nil
        }
    }

    /// Begins another pass over the files that exist now.
    mutating func rewind() throws(CSVError) {
        files = try input.files()
        sizes = files.map { CSVFeed.size(of: $0) }
        (current, opened, isOpen, firstFailure) = (-1, 0, false, nil)
        (doneBytes, totalBytes) = (0, sizes.reduce(0) { $0.addingClamped($1) })
        if !rejectedFiles.isEmpty { rejectedFiles = rejectedFiles.filter { files.contains($0.key) } }
        _ = try openNext()
    }

    /// Appends up to `limit` rows. An error ends the reading: an invalid row under that policy, an error of the only
    /// file, or of the first of several if none could be read.
    mutating func read(into rows: inout DCGMRows, limit: Int) throws(CSVError) -> Outcome {
        let wanted = rows.count + limit
        if let stream, reader == nil {
            reader = try stream.reader(badRows: policy)
            guard reader != nil else { return .starved }
            reader!.ignoresTimes = ignoresTimes
            isOpen = true
        }
        while isOpen {
            do throws(CSVError) {
                try reader!.read(into: &rows, limit: wanted - rows.count)
                if rows.count == wanted { return .rows }
                judgeFile()
            } catch {
                if let stream, stream.isStarved { return .starved }
                try reject(error)
            }
            guard stream == nil, try openNext() else { return .end }
        }
        return .end
    }

    /// Waits for more data of a stream.
    func watch() throws(CSVError) -> InputWatch? { try stream?.inputWatch() }

    /// Moves to the next file that can be opened; `false` if none is left.
    private mutating func openNext() throws(CSVError) -> Bool {
        while true {
            finishFile()
            current += 1
            guard current < files.count else {
                if opened == 0, let firstFailure { throw firstFailure }
                return false
            }
            do throws(CSVError) {
                try open(files[current])
                opened += 1
                isOpen = true
                countsAtOpening = rowCounts
                return true
            } catch {
                try reject(error)
            }
        }
    }

    private mutating func open(_ path: String) throws(CSVError) {
        // Opening a regular file does not block; opening a pipe may.
        if CSVInput.Kind(of: path) == .stream {
            throw CSVError(.unreadable, file: path, message: "not a file; a pipe is read only if it is the only input")
        }
        if reader == nil {
            reader = try DCGMReader(path: path, badRows: policy)
            reader!.ignoresTimes = ignoresTimes
        } else {
            try reader!.open(path: path)
        }
    }

    /// An unreadable file among several is reported and skipped.
    private mutating func reject(_ error: CSVError) throws(CSVError) {
        guard policy == .skip, files.count > 1 else { throw error }
        rejectedFiles[files[current]] = error.description
        if firstFailure == nil { firstFailure = error }
    }

    private var rowCounts: (good: Int, bad: Int) {
        ask { (good: $0.rowCount + $0.quality.noValueCount, bad: $0.badRows.count) } ?? (0, 0)
    }

    /// Called at the end of a file or a stream: an input with only invalid rows is not of the expected kind. One with a
    /// header and no rows is an empty export.
    private mutating func judgeFile() {
        let name = stream == nil ? files[current] : input.description
        let counts = rowCounts
        guard counts.good == countsAtOpening.good, counts.bad > countsAtOpening.bad else {
            rejectedFiles[name] = nil
            return
        }
        let first = badRows.first.first { $0.file == name }.map { ", the first because \($0.message)" } ?? ""
        rejectedFiles[name] = "\(name): all \(counts.bad - countsAtOpening.bad) rows are rejected\(first)"
    }

    /// Counts the bytes read from a file instead of its size at the start of the pass: it may have grown, or not have
    /// been read.
    private mutating func finishFile() {
        guard current >= 0, current < files.count else { return }
        let read = openBytes
        doneBytes += read
        totalBytes += read - sizes[current]
        isOpen = false
    }

    private static func size(of path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }
}
