import Glibc
import TelemetryReaders

/// The input of a ``CSVSource``.
public enum CSVInput: Sendable, Hashable, CustomStringConvertible {
    /// A file; a directory, which means the `*.csv` files in it; or a shell pattern (`*`, `?`, `[a-z]`) in any part of
    /// the path. A named pipe is read as a pipe.
    case path(String)
    /// An open descriptor, which is not closed, with its name for messages. It is read once, to its end.
    case descriptor(Int32, name: String)

    /// The process's standard input, read to its end.
    public static let standardInput = CSVInput.descriptor(STDIN_FILENO, name: "standard input")

    /// Parses `-` as standard input, and any other text as a path.
    public init(_ text: String) {
        self = text == "-" ? .standardInput : .path(text)
    }

    public var description: String {
        switch self {
        case .path(let path): path
        case .descriptor(_, let name): name
        }
    }

    /// Whether the data arrive over time, and cannot be read a second time. Examines the path.
    public var isStream: Bool {
        switch self {
        case .path(let path): Kind(of: path) == .stream
        case .descriptor: true
        }
    }

    /// The files that a path refers to now, in the order in which they are read: sorted by the bytes of their paths.
    ///
    /// An existing name is not treated as a pattern. Directories are not searched recursively; hidden files, and
    /// directories that a pattern matches, are skipped. Throws if there is no file, or if a directory cannot be read.
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
        // A missing file is reported when it is opened.
        case .file, .stream, nil: return [path]
        }
    }

    enum Kind {
        case file, directory
        /// A pipe, a terminal, or another device.
        case stream

        /// `nil` if the file is missing, or inaccessible.
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

    /// The `*.csv` files of a directory, found by its entries, because the directory's own name may contain pattern
    /// characters.
    private static func entries(of directory: String) throws(CSVError) -> [String] {
        guard let stream = opendir(directory) else {
            throw CSVError(.unreadable, file: directory, message: String(cString: strerror(errno)))
        }
        defer { closedir(stream) }
        let prefix = directory.hasSuffix("/") ? directory : directory + "/"
        var paths: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".csv"), !name.hasPrefix(".") { paths.append(prefix + name) }
            errno = 0
        }
        guard errno == 0 else {
            throw CSVError(.unreadable, file: directory, message: String(cString: strerror(errno)))
        }
        return inOrder(paths)
    }

    private static func matches(of pattern: String) throws(CSVError) -> [String] {
        var found = glob_t()
        // With GLOB_ERR an unreadable directory is an error, instead of one without files.
        let code = glob(pattern, GLOB_ERR | GLOB_NOSORT, nil, &found)
        defer { globfree(&found) }
        switch code {
        case 0: return inOrder((0..<Int(found.gl_pathc)).map { String(cString: found.gl_pathv[$0]!) })
        case GLOB_NOMATCH: return []
        default:
            throw CSVError(
                .unreadable, file: pattern,
                message: "the pattern cannot be expanded: \(String(cString: strerror(errno)))")
        }
    }

    /// Independent of the locale, so that the order is the same everywhere.
    private static func inOrder(_ paths: [String]) -> [String] {
        paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
