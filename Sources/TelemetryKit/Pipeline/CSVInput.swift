import Glibc
import TelemetryReaders

/// What a ``CSVSource`` reads.
public enum CSVInput: Sendable, Hashable, CustomStringConvertible {
    /// A file; a directory, which means the `*.csv` in it; or a shell pattern (`*`, `?`, `[a-z]`) in any part of the path. A pipe with
    /// a name is read as a pipe.
    case path(String)
    /// A descriptor that is open and stays so, with its name for messages. It is read once, to its end.
    case descriptor(Int32, name: String)

    /// The process's standard input, read to its end.
    public static let standardInput = CSVInput.descriptor(STDIN_FILENO, name: "standard input")

    /// `-` is standard input, and anything else a path.
    public init(_ text: String) {
        self = text == "-" ? .standardInput : .path(text)
    }

    public var description: String {
        switch self {
        case .path(let path): path
        case .descriptor(_, let name): name
        }
    }

    /// Whether the bytes come when somebody else sends them, and cannot be read a second time. Looks at the path.
    public var isStream: Bool {
        switch self {
        case .path(let path): Kind(of: path) == .stream
        case .descriptor: true
        }
    }

    /// The files that a path means now, in the order in which they are read: that of the bytes of their paths.
    ///
    /// A name that exists is not taken for a pattern. Directories are not searched for directories; hidden files, and directories that
    /// a pattern matches, are passed over. Throws where there is no file, or where a directory cannot be read.
    public func files() throws(CSVError) -> [String] {
        guard case .path(let path) = self else { return [] }
        switch Kind(of: path) {
        case .directory:
            let files = try CSVInput.entries(of: path).filter { Kind(of: $0) != .directory }
            if files.isEmpty { throw CSVError(.noInput, file: path, message: "no *.csv in the directory") }
            return files
        case nil where path.contains { "*?[".contains($0) }:
            let files = try CSVInput.matches(of: path).filter { Kind(of: $0) != .directory }
            if files.isEmpty { throw CSVError(.noInput, file: path, message: "no file matches") }
            return files
        // What is not there is told by whoever opens it.
        case .file, .stream, nil: return [path]
        }
    }

    enum Kind {
        case file, directory
        /// A pipe, a terminal, or another device.
        case stream

        /// `nil` where there is nothing, or nothing that may be looked at.
        init?(of path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            switch status.st_mode & S_IFMT {
            case S_IFREG: self = .file
            case S_IFDIR: self = .directory
            default: self = .stream
            }
        }
    }

    /// The `*.csv` of a directory. By its entries, since the directory's own name may look like a pattern.
    private static func entries(of directory: String) throws(CSVError) -> [String] {
        guard let stream = opendir(directory) else {
            throw CSVError(.unreadable, file: directory, message: String(cString: strerror(errno)))
        }
        defer { closedir(stream) }
        let prefix = directory.hasSuffix("/") ? directory : directory + "/"
        var paths: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name.hasSuffix(".csv"), !name.hasPrefix(".") { paths.append(prefix + name) }
            errno = 0
        }
        guard errno == 0 else { throw CSVError(.unreadable, file: directory, message: String(cString: strerror(errno))) }
        return inOrder(paths)
    }

    private static func matches(of pattern: String) throws(CSVError) -> [String] {
        var found = glob_t()
        // With GLOB_ERR a directory that cannot be read is an error, instead of one without files.
        let code = glob(pattern, GLOB_ERR | GLOB_NOSORT, nil, &found)
        defer { globfree(&found) }
        switch code {
        case 0: return inOrder((0..<Int(found.gl_pathc)).map { String(cString: found.gl_pathv[$0]!) })
        case GLOB_NOMATCH: return []
        default:
            throw CSVError(.unreadable, file: pattern, message: "the pattern cannot be followed: \(String(cString: strerror(errno)))")
        }
    }

    /// Not as the locale sorts, so that the order is the same for everybody.
    private static func inOrder(_ paths: [String]) -> [String] {
        paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
