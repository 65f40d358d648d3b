import Foundation
import Testing

/// The DCGM export that tests use and the repository does not contain: `TELEMETRY_EXPORT`, else `../shared/data`.
enum RealExport {
    static let path: String = {
        if let path = ProcessInfo.processInfo.environment["TELEMETRY_EXPORT"] { return path }
        let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        var places: [URL] = []
        var directory = package.deletingLastPathComponent()
        // A clone may lie deeper than the folder that holds the shared data.
        for _ in 0..<3 {
            places.append(directory.appending(path: "shared/data/dcgm_metrics_20250718_134233.csv"))
            directory = directory.deletingLastPathComponent()
        }
        return (places.first { FileManager.default.fileExists(atPath: $0.path) } ?? places[0]).path
    }()

    static let isPresent: Bool = {
        if FileManager.default.fileExists(atPath: path) { return true }
        print(
            "*** The real DCGM export is absent at \(path): tests that read it are skipped. TELEMETRY_EXPORT names another place."
        )
        return false
    }()

    static let absent: Comment = "needs the real DCGM export; TELEMETRY_EXPORT names its path"
}
