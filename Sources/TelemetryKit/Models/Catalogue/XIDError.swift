/// What an Xid says: the number with which NVIDIA's driver reports an error of a GPU, in the system's log and as the value of
/// `DCGM_FI_DEV_XID_ERROR` (field 230, before DCGM 4.6 `DCGM_FI_DEV_XID_ERRORS`).
///
/// Codes, mnemonics and what to do are facts of NVIDIA's Xid catalogue for Ampere and newer GPUs, and of its archive for older ones;
/// Docs/Fields.md names them. A code says what the driver saw, not what is broken: read it together with those beside it.
public struct XIDError: Sendable, Hashable, Identifiable {
    /// How much it matters to the GPU, by what NVIDIA says to do at once.
    public enum Severity: String, Sendable, Hashable, CaseIterable, Comparable {
        /// Nothing is to be done: tests, or what the driver already mended.
        case informational
        /// A program failed or must be started again; the GPU is sound.
        case application
        /// The GPU works on and wants attention: look at the log, plan a reset, or find out who uses it wrongly.
        case warning
        /// The GPU or its link is not to be used until it is reset, the node is restarted or a part is replaced.
        case critical

        public static func < (a: Severity, b: Severity) -> Bool {
            allCases.firstIndex(of: a)! < allCases.firstIndex(of: b)!
        }
    }

    /// What to do first.
    public enum Action: String, Sendable, Hashable, CaseIterable {
        /// Nothing is to be done.
        case none
        /// Nothing yet; a second one is a sign.
        case watch = "watch whether it comes again"
        /// The program that used the GPU is to be started again.
        case restartApplication = "restart the application"
        /// Where a program or the driver may be at fault rather than the device.
        case checkApplication = "check the application"
        /// Versions that do not fit each other may be the cause.
        case checkSoftware = "check driver, firmware and their versions"
        /// Another Xid beside it says what is to be done.
        case checkOtherXIDs = "follow the Xid that comes with it"
        /// NVLink, its switches and their fabric manager.
        case checkLink = "check NVLink and its fabric"
        /// Cables, power supplies, fans.
        case checkPower = "check power and cooling"
        /// After the work on it has ended or moved.
        case resetGPU = "drain the GPU and reset it"
        /// Of a GPU that is handed to a virtual machine.
        case restartVM = "restart the virtual machine"
        /// After the work on it has ended or moved.
        case restartNode = "drain the node and restart it"
        /// A part may have to be replaced.
        case contactVendor = "contact the vendor"
    }

    /// The number.
    public let code: Int
    /// NVIDIA's name of it; empty for a code that is not documented.
    public let mnemonic: String
    /// One line.
    public let meaning: String
    /// How much it matters.
    public let severity: Severity
    /// What to do first.
    public let action: Action

    public var id: Int { code }

    /// The documented codes, in their order.
    public static let all: [XIDError] = XIDTable.all

    /// A code that is not documented is a warning that wants a person to look.
    public init(code: Int) {
        self =
            XIDError.byCode[code]
            ?? XIDError(code: code, mnemonic: "", meaning: "Not documented", severity: .warning, action: .contactVendor)
    }

    /// Of a value of the field; `nil` for 0, which is no error, and for what is not a code.
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
