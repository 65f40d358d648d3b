import TelemetryBase

/// Stores a log's identity in its directory, and begins its next epoch.
///
/// The file is replaced atomically and synced before anything of the new epoch may be stored: otherwise a client could
/// have read from an epoch that the log, after a power loss, never had. A log in memory has no file, and is a new log
/// each time.
package final class LogIdentityFile {
    static let name = "log.identity"

    package let identity: LogIdentity
    /// A notice for the operator: the log has a new identity, or has lost its tail.
    package let notices: [String]
    private let directory: any LogDirectory
    package private(set) var isStored: Bool

    /// Reads the file, creates an identity if there is none, and begins an epoch, which is not stored yet.
    /// `nextOffset`: the end of the recovered log.
    package init(directory: any LogDirectory, nextOffset: Int64) throws(LogError) {
        self.directory = directory
        isStored = !directory.isDurable
        var notices: [String] = []
        var identity = LogIdentity.random()
        let path = "\(directory.path)/\(Self.name)"
        do {
            if let bytes = try directory.contents(of: Self.name) {
                if let found = LogIdentity(json: bytes) {
                    identity = found
                } else {
                    try directory.rename(Self.name, to: Self.name + ".set-aside")
                    notices.append(
                        "\(path): damaged, and renamed to \(Self.name).set-aside; the log is now \(identity.idText): subscribers "
                            + "of the previous log begin with the oldest message")
                }
            } else if directory.isDurable, nextOffset > 0 {
                notices.append(
                    "\(path): missing, as in a directory of an older version; the log is now \(identity.idText)"
                )
            }
        } catch {
            throw .unusable("\(error)")
        }
        let lost = identity.begin(nextOffset: nextOffset)
        if lost > 0 {
            notices.append(
                "\(directory.path): the log ends before message \(nextOffset), but had at least \(lost) more messages "
                    + "when it was last opened; subscribers that read them continue at message \(nextOffset)")
        }
        self.identity = identity
        self.notices = notices
    }

    /// Writes and syncs the file if that is still pending. While this throws, it stays pending: nothing may be stored
    /// in the log.
    package func store() throws(LogError) {
        if isStored { return }
        do {
            try directory.replaceSynced(Self.name, with: identity.json)
            try directory.synchronize()
        } catch {
            throw LogError(writing: error)
        }
        isStored = true
    }
}
