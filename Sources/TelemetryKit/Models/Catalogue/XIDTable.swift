/// The rows of ``XIDError/all``.
enum XIDTable {
    static let all: [XIDError] = (documented + engines + unusedSinceAmpere).sorted { $0.code < $1.code }

    private static let documented: [XIDError] = [
        row(
            8, "ROBUST_CHANNEL_FIFO_ERROR_IDLE_TIMEOUT", .application, .restartApplication,
            "A channel's work did not end in time"),
        row(
            11, "ROBUST_CHANNEL_GR_ERROR_MISSING_HW", .application, .restartApplication,
            "Commands that the GPU cannot carry out"),
        row(
            13, "ROBUST_CHANNEL_GR_EXCEPTION", .application, .restartApplication,
            "A kernel did something illegal, most often out of bounds"
        ),
        row(14, "ROBUST_CHANNEL_FAKE_ERROR", .informational, .none, "An error that a program injected as a test"),
        row(25, "ROBUST_CHANNEL_GR_ILLEGAL_NOTIFY", .application, .restartApplication, "Illegal commands"),
        row(
            31, "ROBUST_CHANNEL_FIFO_ERROR_MMU_ERR_FLT", .application, .restartApplication,
            "Page fault: an address that is not mapped"),
        row(
            32, "ROBUST_CHANNEL_PBDMA_ERROR", .application, .restartApplication,
            "Commands that were damaged on their way over PCIe"),
        row(
            37, "ROBUST_CHANNEL_FECS_ERR_UNIMP_FIRMWARE_METHOD", .application, .checkApplication,
            "A call that the firmware does not have"),
        row(
            38, "ROBUST_CHANNEL_FECS_ERR_WATCHDOG_TIMEOUT", .warning, .watch,
            "The graphics firmware did not answer in time"),
        row(
            43, "ROBUST_CHANNEL_RESETCHANNEL_VERIF_ERROR", .application, .restartApplication,
            "A program's channel was stopped; the GPU is sound"),
        row(
            44, "ROBUST_CHANNEL_GR_FAULT_DURING_CTXSW", .warning, .watch,
            "Fault while the GPU changed from one program to another"),
        row(
            45, "ROBUST_CHANNEL_PREEMPTIVE_REMOVAL", .application, .checkOtherXIDs,
            "A program's work was removed: killed, or after another error"),
        row(46, "ROBUST_CHANNEL_GPU_TIMEOUT_ERROR", .critical, .resetGPU, "The GPU stopped working"),
        row(48, "ROBUST_CHANNEL_GPU_ECC_DBE", .critical, .resetGPU, "Uncorrectable (double-bit) memory error"),
        row(
            54, "SILENT_RUNNING_PWR_REDUCED_CLOCKING", .critical, .checkPower,
            "The board's power cable is not connected"),
        row(
            60, "ROBUST_CHANNEL_SEC2_ERROR", .application, .restartApplication,
            "Exception of the security or video processor"),
        row(62, "PMU_HALT_ERROR", .critical, .resetGPU, "The power management controller halted"),
        row(
            63, "INFOROM_DRAM_RETIREMENT_EVENT", .informational, .none, "A memory row was replaced, or a page given up"),
        row(
            64, "INFOROM_DRAM_RETIREMENT_FAILURE", .critical, .resetGPU,
            "A memory row could not be remapped, or a page not retired"),
        row(
            66, "ROBUST_CHANNEL_FECS_ERR_REG_ACCESS_VIOLATION", .warning, .checkSoftware,
            "Illegal access to a register by the driver"),
        row(67, "ROBUST_CHANNEL_FECS_ERR_VERIF_VIOLATION", .warning, .watch, "Illegal access by the driver"),
        row(69, "ROBUST_CHANNEL_GR_CLASS_ERROR", .application, .restartApplication, "Wrong use of the graphics engine"),
        row(74, "NVLINK_ERROR", .critical, .checkLink, "Error of an NVLink; the cause may be at its other end"),
        row(78, "VGPU_START_ERROR", .warning, .checkSoftware, "A vGPU could not start"),
        row(
            79, "ROBUST_CHANNEL_GPU_HAS_FALLEN_OFF_THE_BUS", .critical, .restartNode,
            "The GPU cannot be reached over PCIe"),
        row(80, "PBDMA_PUSHBUFFER_CRC_MISMATCH", .application, .restartApplication, "Commands with a wrong checksum"),
        row(92, "EXCESSIVE_SBE_INTERRUPTS", .warning, .watch, "Many correctable (single-bit) memory errors"),
        row(93, "INFOROM_ERASE_LIMIT_EXCEEDED", .warning, .watch, "The InfoROM was not written, to spare its flash"),
        row(
            94, "ROBUST_CHANNEL_CONTAINED_ERROR", .application, .restartApplication,
            "Memory error that hit one program alone"),
        row(
            95, "ROBUST_CHANNEL_UNCONTAINED_ERROR", .critical, .resetGPU, "Memory error that may have hit every program"
        ),
        row(106, "SMBPBI_TEST_MESSAGE", .informational, .none, "Test message of the management interface"),
        row(
            107, "SMBPBI_TEST_MESSAGE_SILENT", .informational, .none, "Silent test message of the management interface"),
        row(
            108, "NVLINK_REMOTE_TRANSLATION_ERROR", .application, .checkApplication,
            "A peer's address that is not mapped"),
        row(
            109, "ROBUST_CHANNEL_CTXSW_TIMEOUT_ERROR", .critical, .resetGPU,
            "The change from one program to another did not end"),
        row(110, "SEC_FAULT_ERROR", .critical, .resetGPU, "Security fault, seldom without a fault in the hardware"),
        row(119, "GSP_RPC_TIMEOUT", .critical, .resetGPU, "The GPU's system processor did not answer the driver"),
        row(120, "GSP_ERROR", .critical, .resetGPU, "Error in the firmware of the GPU's system processor"),
        row(121, "C2C_ERROR", .warning, .watch, "Corrected errors of the link to the CPU; a reset trains it anew"),
        row(136, "ALI_TRAINING_FAIL", .critical, .resetGPU, "An NVLink could not be trained"),
        row(137, "NVLINK_PRIV_ERR", .application, .checkApplication, "Illegal access to a peer's memory over NVLink"),
        row(
            140, "UNRECOVERABLE_ECC_ERROR_ESCAPE", .critical, .resetGPU,
            "Uncorrectable memory errors that could not be handled"),
        row(141, "ROBUST_CHANNEL_FAST_PATH_ERROR", .warning, .watch, "Error on CUDA's fast path"),
        row(143, "GPU_INIT_ERROR", .critical, .resetGPU, "The GPU could not be initialised"),
        row(144, "NVLINK_SAW_ERROR", .critical, .checkLink, "NVLink error (SAW)"),
        row(145, "NVLINK_RLW_ERROR", .critical, .checkLink, "NVLink error (RLW)"),
        row(146, "NVLINK_TLW_ERROR", .critical, .checkLink, "NVLink error (TLW)"),
        row(147, "NVLINK_TREX_ERROR", .warning, .checkLink, "NVLink error (TREX), not fatal"),
        row(148, "NVLINK_NVLPW_CTRL_ERROR", .warning, .checkLink, "NVLink error (NVLPW_CTRL), not fatal"),
        row(149, "NVLINK_NETIR_ERROR", .critical, .checkLink, "NVLink error (NETIR), as when a link went down"),
        row(150, "NVLINK_MSE_ERROR", .critical, .checkLink, "NVLink error (MSE)"),
        row(
            151, "ROBUST_CHANNEL_KEY_ROTATION_ERROR", .critical, .restartVM,
            "Keys of confidential computing could not be changed"),
        row(152, "ROBUST_CHANNEL_DLA_SMMU_ERROR", .warning, .watch, "Address error of the deep learning accelerator"),
        row(153, "ROBUST_CHANNEL_DLA_TIMEOUT", .warning, .watch, "The deep learning accelerator did not end in time"),
        row(
            154, "GPU_RECOVERY_ACTION_CHANGED", .warning, .checkOtherXIDs,
            "What the driver asks for changed; its text says to what"),
        row(155, "NVLINK_SW_DEFINED_ERROR", .critical, .resetGPU, "An NVLink was taken down on purpose"),
        row(
            156, "RESOURCE_RETIREMENT_EVENT", .critical, .resetGPU,
            "A part of the GPU is taken out of use at the next reset"),
        row(
            157, "RESOURCE_RETIREMENT_FAILURE", .warning, .watch,
            "A part of the GPU could not be taken out of use: no spare is left"),
        row(158, "GPU_FATAL_TIMEOUT", .critical, .resetGPU, "The GPU did not answer in time"),
        row(
            159, "ROBUST_CHANNEL_CHI_NON_DATA_ERROR", .warning, .checkSoftware,
            "Error on the link to the CPU, not in data"),
        row(160, "CHANNEL_RETIREMENT_EVENT", .warning, .watch, "A memory channel is taken out of use"),
        row(161, "CHANNEL_RETIREMENT_FAILURE", .warning, .watch, "A memory channel could not be taken out of use"),
        row(162, "PSHC_REENGAGED", .informational, .none, "Power smoothing works again"),
        row(163, "PSHC_DISENGAGED", .warning, .checkPower, "Power smoothing is off because of heat or time"),
        row(164, "PSHC_LOW_LIFETIME", .warning, .watch, "The circuit for power smoothing nears its end"),
        row(165, "PSHC_ZERO_LIFETIME", .warning, .contactVendor, "The circuit for power smoothing is worn out"),
        row(
            166, "NVLINK_SECURE_CRYPTO_ERR", .warning, .contactVendor,
            "Traffic of confidential computing before the link was ready"),
        row(167, "PCIE_FATAL_TIMEOUT", .critical, .contactVendor, "PCIe did not answer in time"),
        row(168, "REDUCED_GPU_MEMORY_CAPACITY", .warning, .checkSoftware, "Errors in protected memory, with ECC off"),
        row(169, "SEC2_HALT_ERROR", .critical, .resetGPU, "The security processor halted"),
        row(170, "NVLINK_SECURE_OTHER", .warning, .contactVendor, "Interrupt of NVLink in confidential computing"),
        row(171, "UNCORRECTABLE_DRAM_ERROR", .critical, .checkOtherXIDs, "Beside 48: the error was in DRAM"),
        row(172, "UNCORRECTABLE_SRAM_ERROR", .critical, .checkOtherXIDs, "Beside 48: the error was in SRAM"),
    ]

    /// There are several generations of engines, with separate codes.
    private static let engines: [XIDError] =
        numbered(
            [39, 40, 41, 70, 71, 72, 75, 76, 77, 85] + Array(126...135), "ROBUST_CHANNEL_CE#_ERROR",
            "Exception of copy engine #")
        + numbered([68, 83, 84, 88, 89, 96, 97, 98], "ROBUST_CHANNEL_NVDEC#_ERROR", "Exception of video decoder #")
        + numbered([82] + Array(99...105), "ROBUST_CHANNEL_NVJPG#_ERROR", "Exception of JPEG engine #")
        + numbered([86, 139], "ROBUST_CHANNEL_OFA#_ERROR", "Exception of optical flow engine #")
        + [row(142, "ROBUST_CHANNEL_NVENC3_ERROR", .warning, .contactVendor, "Exception of video encoder 3")]

    private static func numbered(_ codes: [Int], _ mnemonic: String, _ meaning: String) -> [XIDError] {
        func put(_ index: Int, _ template: String) -> String {
            template.split(separator: "#", omittingEmptySubsequences: false).joined(separator: "\(index)")
        }
        return codes.enumerated().map {
            row($1, put($0, mnemonic), .application, .restartApplication, put($0, meaning))
        }
    }

    static func row(
        _ code: Int, _ mnemonic: String, _ severity: XIDError.Severity, _ action: XIDError.Action, _ meaning: String
    )
        -> XIDError
    {
        XIDError(code: code, mnemonic: mnemonic, meaning: meaning, severity: severity, action: action)
    }
}
