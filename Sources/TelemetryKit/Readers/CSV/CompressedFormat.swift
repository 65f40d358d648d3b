/// Compressed file formats, named by the command that decompresses them to its standard output.
enum CompressedFormat: String, CaseIterable {
    case gzip = "gzip -dc"
    case zstd = "zstd -dc"
    case xz = "xz -dc"
    case zip = "unzip -p"

    /// Detects the format by its first bytes, which cannot begin a text (RFC 1952, RFC 8878, the .xz format,
    /// APPNOTE.TXT of PKWARE).
    private var magic: [UInt8] {
        switch self {
        case .gzip: [0x1F, 0x8B]
        case .zstd: [0x28, 0xB5, 0x2F]
        case .xz: [0xFD, 0x37, 0x7A]
        case .zip: [0x50, 0x4B, 0x03]
        }
    }

    /// Three bytes of the start are sufficient.
    init?(start: UnsafeBufferPointer<UInt8>) {
        guard let format = CompressedFormat.allCases.first(where: { start.starts(with: $0.magic) }) else { return nil }
        self = format
    }
}
