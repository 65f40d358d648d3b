import Glibc
import TelemetryIO

extension MessageLog {
    /// The files to sync so that everything up to ``LogEnd`` is on the device.
    package struct SyncWork: Sendable {
        package var end: LogEnd
        package var files: [any LogFile]
        /// Synced before those: files that are not open.
        package var names: [String]
        package var directory: any LogDirectory
        package var syncsNames: Bool
        /// The indexes of sealed segments that are completely on the device once the files are.
        var indexes: [IndexFile]
        var producerSnapshot: [UInt8]?

        package func perform() throws(SystemError) {
            for name in names {
                let file: any LogFile
                do {
                    file = try directory.openExisting(name)
                } catch {
                    // Retention has removed it since.
                    guard error.code == ENOENT else { throw error }
                    continue
                }
                try file.synchronize()
            }
            for file in files { try file.synchronize() }
            if syncsNames { try directory.synchronize() }
        }

        /// Writes files that make a later opening faster but are not required, so nothing depends on its success.
        package func writeIndexes() {
            for index in indexes {
                try? directory.replace(IndexFile.name(baseOffset: index.baseOffset), with: index.json)
            }
            if let producerSnapshot { try? directory.replace(ProducerFile.name, with: producerSnapshot) }
        }
    }

    /// The end of the log at a moment.
    package struct LogEnd: Sendable, Equatable {
        package var offset: Int64
        /// The base offset of the segment that was the last, and its length.
        package var segment: Int64
        package var position: Int64
    }
}
