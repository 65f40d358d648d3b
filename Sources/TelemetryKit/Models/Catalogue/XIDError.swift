/// The meaning of an Xid: the code with which NVIDIA's driver reports an error of a GPU, in the system's log and as the
/// value of `DCGM_FI_DEV_XID_ERROR` (field 230, before DCGM 4.6 `DCGM_FI_DEV_XID_ERRORS`).
///
/// Codes, mnemonics and recommended actions are facts of NVIDIA's Xid catalogue for Ampere and newer GPUs, and of its
/// archive for older ones; Docs/Fields.md names them. A code describes what the driver observed, not what is broken:
/// consider it together with neighbouring codes.
public struct XIDError: Sendable, Hashable, Identifiable {
    /// The severity for the GPU, according to the immediate action that NVIDIA recommends.
    public enum Severity: String, Sendable, Hashable, CaseIterable, Comparable {
        /// No action is required: tests, or problems that the driver has already corrected.
        case informational
        /// A program failed or must be restarted; the GPU works.
        case application
        /// The GPU continues to work but requires attention: check the log, plan a reset, or find the program that uses
        /// it incorrectly.
        case warning
        /// The GPU or its link must not be used until it is reset, the node is restarted or a part is replaced.
        case critical

        public static func < (a: Severity, b: Severity) -> Bool {
            allCases.firstIndex(of: a)! < allCases.firstIndex(of: b)!
        }
    }

    /// The first action.
    public enum Action: String, Sendable, Hashable, CaseIterable {
        /// No action is required.
        case none
        /// No action yet; a second occurrence indicates a problem.
        case watch = "monitor whether it recurs"
        /// The program that used the GPU must be restarted.
        case restartApplication = "restart the application"
        /// A program or the driver may be the cause rather than the device.
        case checkApplication = "check the application"
        /// Incompatible versions may be the cause.
        case checkSoftware = "check driver, firmware and their versions"
        /// An accompanying Xid determines the action.
        case checkOtherXIDs = "follow the Xid that comes with it"
        /// NVLink, its switches and their fabric manager.
        case checkLink = "check NVLink and its fabric"
        /// Cables, power supplies, fans.
        case checkPower = "check power and cooling"
        /// After the work on it has ended or moved.
        case resetGPU = "drain and reset the GPU"
        /// For a GPU that is passed through to a virtual machine.
        case restartVM = "restart the virtual machine"
        /// After the work on it has ended or moved.
        case restartNode = "drain and restart the node"
        /// A part may have to be replaced.
        case contactVendor = "contact the vendor"
    }

    /// The code.
    public let code: Int
    /// NVIDIA's name of it; empty for an undocumented code.
    public let mnemonic: String
    /// A description in one line.
    public let meaning: String
    /// The severity.
    public let severity: Severity
    /// The first action.
    public let action: Action

    public var id: Int { code }

    /// The documented codes, in ascending order.
    public static let all: [XIDError] = XIDTable.all

    /// Creates an error; an undocumented code is a warning that an operator should check.
    public init(code: Int) {
        self =
            XIDError.byCode[code]
            ?? XIDError(code: code, mnemonic: "", meaning: "Not documented", severity: .warning, action: .contactVendor)
    }

    /// Creates an error from a value of the field; `nil` for 0, which is no error, and for a value that is not a code.
    public init?(value: Double) {
        guard let code = Int(exactly: value), code > 0 else { return nil }
        self.init(code: code)
    }

    init(code: Int, mnemonic: String, meaning: String, severity: Severity, action: Action) {
        self.code = code
        self.mnemonic = mnemonic
        self.meaning = meaning
        self.severity = severity
        self.action = action
    }

    private static let byCode = Dictionary(all.map { ($0.code, $0) }, uniquingKeysWith: { first, _ in first })
}
