/// The reason why a source has no value for a metric. It is never a zero, and never an error of the source's format.
public enum NoValueReason: String, Sendable, Hashable, CaseIterable {
    /// DCGM has none (yet), and does not report why.
    case blank
    /// The device or the field does not exist.
    case notFound = "not_found"
    /// The device does not measure it.
    case notSupported = "not_supported"
    /// The exporter lacks permission to read it.
    case notPermitted = "not_permitted"
    /// The exporter could not convert DCGM's value: `ERROR - FAILED TO CONVERT TO STRING`.
    case notConverted = "not_converted"
    /// `N/A`, and the texts of `nvidia-smi` for a device that it cannot query.
    case notAvailable = "not_available"
    /// NaN or infinite in a format that allows them.
    case notFinite = "not_finite"
}

extension NoValueReason {
    /// DCGM's blank values (dcgm_structs.h). Sixteen values start at each of these; DCGM defines the meaning of the
    /// first four.
    enum Blank {
        static let int32 = 2_147_483_632.0  // 0x7fff_fff0
        static let int64: UInt64 = 0x7FFF_FFFF_FFFF_FFF0
        static let double = 140_737_488_355_328.0  // 2 to the 47th
        static let count = 16.0

        /// The meaning of the distance from the first blank value.
        static func reason(code: Double) -> NoValueReason {
            switch code {
            case 1: .notFound
            case 2: .notSupported
            case 3: .notPermitted
            default: .blank
            }
        }
    }

    /// The texts that exporters and `nvidia-smi` write instead of a number, case-insensitively, with or without
    /// brackets; `nil` for anything else.
    package init?(text: UnsafeRawBufferPointer) {
        // Longer than all of them.
        guard 3...40 ~= text.count else { return nil }
        var word = String(decoding: text, as: UTF8.self).uppercased()
        if word.hasPrefix("["), word.hasSuffix("]") { word = String(word.dropFirst().dropLast()) }
        switch word {
        case "N/A", "NOT AVAILABLE", "UNKNOWN ERROR", "GPU IS LOST", "GPU REQUIRES RESET": self = .notAvailable
        case "ERROR - FAILED TO CONVERT TO STRING", "SKIPPING DCGM VALUE": self = .notConverted
        case "<<<NULL>>>": self = .blank
        case "<<<NOT_FOUND>>>", "NOT FOUND": self = .notFound
        case "<<<NOT_SUPPORTED>>>", "NOT SUPPORTED": self = .notSupported
        case "<<<NOT_PERM>>>", "INSUFFICIENT PERMISSIONS": self = .notPermitted
        default: return nil
        }
    }
}
