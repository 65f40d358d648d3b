import CLinux
import Foundation
import Glibc
import Synchronization
import TelemetryIO

@testable import TelemetryMQClient
@testable import TelemetryMQLog

/// A log's directory in memory that fails on demand, and that knows what a device would hold: what was synced, and nothing
/// else.
final class FaultDirectory: LogDirectory {
    enum Operation: String, Sendable, CaseIterable {
        case open, write, truncate, rename, remove, syncFile, syncNames
    }

    /// Which operation fails, counted over all of the kinds from 1, and how.
    struct Fault: Sendable {
        var kinds: Set<Operation>
        var number: Int
        var code: Int32
        /// A write that fails has written this part of its bytes, from 0 to 1.
        var written = 0.5
        /// All later operations of the kinds fail too, as on a device that is gone.
        var isPermanent = false
    }

    /// What opening a log costs.
    enum Access: Hashable, CaseIterable { case list, size, open, read }

    private struct State {
        var accesses: [Access: Int] = [:]
        var openedNames: [String] = []
        /// Writes of at least this number of bytes find no room.
        var smallestRefused = Int.max
        var refusedWrites = 0
        var names: [String: FaultFile] = [:]
        /// As they are on the device.
        var durableNames: [String: FaultFile] = [:]
        var performed = 0
        var hit: Operation?
    }

    let path = "fault"
    let isDurable = true
    /// While it is closed, syncs of files do not end.
    let syncGate = Gate()
    /// While it is closed, writes do not begin; the server's thread waits in them.
    let writeGate = Gate()
    private let fault: Fault?
    private let state: Mutex<State>

    init(fault: Fault? = nil) {
        self.fault = fault
        state = Mutex(State())
    }

    /// Holds these files, all of them on the device.
    init(files: [String: [UInt8]]) {
        fault = nil
        var state = State()
        for (name, content) in files { state.names[name] = FaultFile(name: name, content: content) }
        state.durableNames = state.names
        self.state = Mutex(state)
        for file in self.state.withLock({ $0.names.values.map { $0 } }) {
            file.directory.withLock { $0 = WeakDirectory(self) }
        }
    }

    /// The operation that failed, if one did.
    var hit: Operation? { state.withLock { $0.hit } }

    /// Counts an operation, and throws where it is the one to fail.
    fileprivate func perform(_ operation: Operation, on subject: String) throws(SystemError) {
        let fails = state.withLock { state in
            guard let fault, fault.kinds.contains(operation) else { return false }
            state.performed += 1
            guard state.performed == fault.number || (fault.isPermanent && state.performed > fault.number) else {
                return false
            }
            if state.hit == nil { state.hit = operation }
            return true
        }
        if fails { throw SystemError(operation.rawValue, on: subject, code: fault!.code) }
    }

    /// Operations so far, of those that change nothing.
    var accesses: [Access: Int] { state.withLock { $0.accesses } }

    /// The files that were opened so far, in their order.
    var openedNames: [String] { state.withLock { $0.openedNames } }

    /// From now on writes of at least this number of bytes find no room, until it is set anew.
    var smallestRefused: Int {
        get { state.withLock { $0.smallestRefused } }
        set { state.withLock { $0.smallestRefused = newValue } }
    }

    /// Writes that found no room for that reason.
    var refusedWrites: Int { state.withLock { $0.refusedWrites } }

    /// Whether there is room for a write of this number of bytes; counts where there is not.
    fileprivate func hasRoom(for bytes: Int) -> Bool {
        state.withLock { state in
            guard bytes >= state.smallestRefused else { return true }
            state.refusedWrites += 1
            return false
        }
    }

    fileprivate func count(_ access: Access) { state.withLock { $0.accesses[access, default: 0] += 1 } }

    fileprivate var writtenPart: Double { fault?.written ?? 0 }

    // MARK: After the end of the process, and after that of the machine

    /// What the next process finds: all that was written, of which the device holds what it held before.
    func afterProcessEnd() -> FaultDirectory {
        let (names, durableNames) = state.withLock { ($0.names, $0.durableNames) }
        let next = FaultDirectory()
        var copies: [ObjectIdentifier: FaultFile] = [:]
        func copy(_ file: FaultFile) -> FaultFile {
            if let known = copies[ObjectIdentifier(file)] { return known }
            let copy = FaultFile(copying: file, in: next)
            copies[ObjectIdentifier(file)] = copy
            return copy
        }
        let (copied, durable) = (names.mapValues(copy), durableNames.mapValues(copy))
        next.state.withLock { state in
            state.names = copied
            state.durableNames = durable
        }
        return next
    }

    /// What the next start finds after a power loss: what was synced, and of what was appended since, a random beginning,
    /// with a random page of it lost at times.
    func afterPowerLoss(using random: inout some RandomNumberGenerator) -> FaultDirectory {
        let (names, durableNames) = state.withLock { ($0.names, $0.durableNames) }
        var files: [String: [UInt8]] = [:]
        for (name, file) in durableNames { files[name] = file.afterPowerLoss(using: &random) }
        // A new name may have reached the device on its own.
        for (name, file) in names where durableNames[name] == nil && Bool.random(using: &random) {
            files[name] = file.afterPowerLoss(using: &random)
        }
        return FaultDirectory(files: files)
    }

    /// What all files hold now.
    var files: [String: [UInt8]] { state.withLock { $0.names }.mapValues(\.content) }

    /// What the segments hold now.
    var segments: [(name: String, bytes: [UInt8])] {
        state.withLock { $0.names }.filter { $0.key.hasSuffix(".log") }.map { ($0.key, $0.value.content) }
    }

    func byteCount(of name: String) -> Int { state.withLock { $0.names[name] }.map { Int((try? $0.size()) ?? 0) } ?? 0 }

    // MARK: LogDirectory

    func fileNames() -> [String] {
        count(.list)
        return state.withLock { Array($0.names.keys) }
    }

    func open(_ name: String) throws(SystemError) -> any LogFile {
        try perform(.open, on: name)
        count(.open)
        state.withLock { $0.openedNames.append(name) }
        let file = state.withLock { state in
            if let known = state.names[name] { return known }
            let new = FaultFile(name: name, content: [])
            state.names[name] = new
            return new
        }
        file.directory.withLock { $0 = WeakDirectory(self) }
        return file
    }

    func openExisting(_ name: String) throws(SystemError) -> any LogFile {
        guard state.withLock({ $0.names[name] != nil }) else { throw SystemError("open", on: name, code: ENOENT) }
        return try open(name)
    }

    func size(of name: String) throws(SystemError) -> Int64? {
        count(.size)
        return try state.withLock { $0.names[name] }?.size()
    }

    func rename(_ old: String, to new: String) throws(SystemError) {
        try perform(.rename, on: old)
        state.withLock { state in
            state.names[new] = state.names.removeValue(forKey: old)
        }
    }

    func remove(_ name: String) throws(SystemError) {
        try perform(.remove, on: name)
        state.withLock { _ = $0.names.removeValue(forKey: name) }
    }

    func synchronize() throws(SystemError) {
        try perform(.syncNames, on: path)
        state.withLock { $0.durableNames = $0.names }
    }

    func release() {}
}

/// Stops the threads that pass while it is closed.
final class Gate: Sendable {
    private let condition = NSCondition()
    private let isClosed = Atomic(false)
    private let waiting = Atomic(0)

    func close() { condition.withLock { isClosed.store(true, ordering: .relaxed) } }

    func open() {
        condition.withLock {
            isClosed.store(false, ordering: .relaxed)
            condition.broadcast()
        }
    }

    func pass() {
        condition.withLock {
            waiting.add(1, ordering: .relaxed)
            condition.broadcast()
            while isClosed.load(ordering: .relaxed) { condition.wait() }
            waiting.subtract(1, ordering: .relaxed)
        }
    }

    /// Returns when a thread waits.
    func awaitArrival() {
        condition.withLock {
            while waiting.load(ordering: .relaxed) == 0 { condition.wait() }
        }
    }
}

/// A file holds its directory weakly: the directory holds it.
struct WeakDirectory: Sendable {
    weak let directory: FaultDirectory?
    init(_ directory: FaultDirectory?) { self.directory = directory }
}

final class FaultFile: LogFile {
    let path: String
    fileprivate let directory = Mutex(WeakDirectory(nil))
    private let memory: DescriptorFile
    private let durable: Mutex<[UInt8]>

    init(name: String, content: [UInt8]) {
        path = "fault/" + name
        memory = DescriptorFile(path: path, descriptor: clinux_memfd_create(name, 1))
        durable = Mutex(content)
        if !content.isEmpty { try! memory.write(content, at: 0) }
    }

    /// Holds the same, and has the same of it on the device.
    convenience init(copying other: FaultFile, in new: FaultDirectory) {
        // In this order: what is written meanwhile must not be on the device and nowhere else.
        let synced = other.durable.withLock { $0 }
        self.init(name: String(other.path.dropFirst("fault/".count)), content: other.content)
        durable.withLock { $0 = synced }
        directory.withLock { $0 = WeakDirectory(new) }
    }

    private func perform(_ operation: FaultDirectory.Operation) throws(SystemError) {
        try directory.withLock { $0.directory }?.perform(operation, on: path)
    }

    var descriptor: Int32 { memory.descriptor }

    var content: [UInt8] {
        let size = Int(try! memory.size())
        var bytes = [UInt8](repeating: 0, count: size)
        let count = bytes.withUnsafeMutableBytes { try! memory.read(into: $0, at: 0) }
        return Array(bytes[..<count])
    }

    func size() throws(SystemError) -> Int64 { try memory.size() }

    func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int64) throws(SystemError) -> Int {
        directory.withLock { $0.directory }?.count(.read)
        return try memory.read(into: buffer, at: position)
    }

    func write(_ parts: UnsafeMutableBufferPointer<iovec>, at position: Int64) throws(SystemError) {
        directory.withLock { $0.directory }?.writeGate.pass()
        do throws(SystemError) {
            let bytes = parts.reduce(0) { $0 + $1.iov_len }
            if directory.withLock({ $0.directory })?.hasRoom(for: bytes) == false {
                throw SystemError("write", on: path, code: ENOSPC)
            }
            try perform(.write)
        } catch {
            // What a device does that fails in the middle.
            let all = parts.flatMap { Array(UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len)) }
            let share = directory.withLock { $0.directory }?.writtenPart ?? 0
            try memory.write(Array(all[..<Int(Double(all.count) * share)]), at: position)
            throw error
        }
        try memory.write(parts, at: position)
    }

    func truncate(to size: Int64) throws(SystemError) {
        try perform(.truncate)
        try memory.truncate(to: size)
    }

    func synchronize() throws(SystemError) {
        let now = content
        directory.withLock { $0.directory }?.syncGate.pass()
        try perform(.syncFile)
        durable.withLock { $0 = now }
    }

    func afterPowerLoss(using random: inout some RandomNumberGenerator) -> [UInt8] {
        let synced = durable.withLock { $0 }
        var now = content
        guard now.starts(with: synced), now.count > synced.count, Bool.random(using: &random) else { return synced }
        now = Array(now[..<Int.random(in: synced.count...now.count, using: &random)])
        if now.count > synced.count, Bool.random(using: &random) {
            // A page of the unsynced part that was not written back before its neighbours.
            let hole = Int.random(in: synced.count..<now.count, using: &random)
            for i in hole..<min(hole + 512, now.count) { now[i] = 0 }
        }
        return now
    }
}
