import Testing

@testable import TelemetryHealth
@testable import TelemetryModels
@testable import TelemetryReaders

@Suite("Xid codes")
struct XIDErrorTests {
    @Test("every code of NVIDIA's catalogue is there once, with all that there is to say")
    func complete() {
        #expect(XIDError.all.map(\.code) == Array(1...172))
        #expect(Set(XIDError.all.map(\.mnemonic)).count == 172)
        for error in XIDError.all {
            #expect(XIDError(code: error.code) == error)
            #expect(error.mnemonic.allSatisfy { $0.isUppercase || $0.isNumber || $0 == "_" }, "\(error.mnemonic)")
            #expect(!error.meaning.isEmpty && !error.meaning.contains("|") && !error.meaning.contains("#"))
        }
    }

    /// What NVIDIA's catalogue says to do at once decides how severe a code is.
    @Test("severity follows from what is to be done")
    func severities() {
        for error in XIDError.all {
            switch error.action {
            case .none: #expect(error.severity == .informational, "\(error.code)")
            case .restartApplication, .checkApplication: #expect(error.severity == .application, "\(error.code)")
            case .resetGPU, .restartVM, .restartNode,
                .checkPower where error.code != 163:
                #expect(error.severity == .critical, "\(error.code)")
            case .watch, .checkSoftware: #expect(error.severity == .warning, "\(error.code)")
            case .checkOtherXIDs, .checkLink, .contactVendor, .checkPower:
                #expect(error.severity != .informational, "\(error.code)")
            }
        }
        #expect(XIDError.Severity.informational < .application && .application < .warning && .warning < .critical)
    }

    @Test("the codes that matter most")
    func wellKnown() {
        let table: [(Int, String, XIDError.Severity, XIDError.Action)] = [
            (13, "ROBUST_CHANNEL_GR_EXCEPTION", .application, .restartApplication),
            (31, "ROBUST_CHANNEL_FIFO_ERROR_MMU_ERR_FLT", .application, .restartApplication),
            (43, "ROBUST_CHANNEL_RESETCHANNEL_VERIF_ERROR", .application, .restartApplication),
            (45, "ROBUST_CHANNEL_PREEMPTIVE_REMOVAL", .application, .checkOtherXIDs),
            (48, "ROBUST_CHANNEL_GPU_ECC_DBE", .critical, .resetGPU),
            (63, "INFOROM_DRAM_RETIREMENT_EVENT", .informational, .none),
            (64, "INFOROM_DRAM_RETIREMENT_FAILURE", .critical, .resetGPU),
            (70, "ROBUST_CHANNEL_CE3_ERROR", .application, .restartApplication),
            (74, "NVLINK_ERROR", .critical, .checkLink),
            (79, "ROBUST_CHANNEL_GPU_HAS_FALLEN_OFF_THE_BUS", .critical, .restartNode),
            (85, "ROBUST_CHANNEL_CE9_ERROR", .application, .restartApplication),
            (92, "EXCESSIVE_SBE_INTERRUPTS", .warning, .watch),
            (94, "ROBUST_CHANNEL_CONTAINED_ERROR", .application, .restartApplication),
            (95, "ROBUST_CHANNEL_UNCONTAINED_ERROR", .critical, .resetGPU),
            (98, "ROBUST_CHANNEL_NVDEC7_ERROR", .application, .restartApplication),
            (105, "ROBUST_CHANNEL_NVJPG7_ERROR", .application, .restartApplication),
            (119, "GSP_RPC_TIMEOUT", .critical, .resetGPU),
            (120, "GSP_ERROR", .critical, .resetGPU),
            (126, "ROBUST_CHANNEL_CE10_ERROR", .application, .restartApplication),
            (135, "ROBUST_CHANNEL_CE19_ERROR", .application, .restartApplication),
            (139, "ROBUST_CHANNEL_OFA1_ERROR", .application, .restartApplication),
            (140, "UNRECOVERABLE_ECC_ERROR_ESCAPE", .critical, .resetGPU),
            (149, "NVLINK_NETIR_ERROR", .critical, .checkLink),
            (151, "ROBUST_CHANNEL_KEY_ROTATION_ERROR", .critical, .restartVM),
            (154, "GPU_RECOVERY_ACTION_CHANGED", .warning, .checkOtherXIDs),
        ]
        for (code, mnemonic, severity, action) in table {
            let error = XIDError(code: code)
            #expect(error.mnemonic == mnemonic && error.severity == severity && error.action == action, "\(code)")
        }
    }

    @Test("an unknown code is a warning for a person, and keeps its number")
    func unknown() {
        for code in [0, -1, 173, 999, .max] {
            let error = XIDError(code: code)
            #expect(
                error.code == code && error.mnemonic.isEmpty && error.severity == .warning
                    && error.action == .contactVendor)
        }
    }

    @Test("a value of the field is a code, 0 is none")
    func values() {
        #expect(XIDError(value: 79)?.severity == .critical)
        #expect(XIDError(value: 400)?.mnemonic == "")
        for value in [0, -1, 0.5, 1e30, .nan, .infinity] { #expect(XIDError(value: value) == nil) }
    }
}
