extension DCGMFieldTable {
    static let nvlink: [DCGMField] = lanes + sums + sinceNVLink5 + forwardErrorCorrection + perLink + recovery

    /// 18 links; DCGM numbered them as they were added, six at first.
    private static let lanes: [DCGMField] =
        indexed(ids(400...405, 451...456, 406...408, 481...483)) { id, named in
            counter(
                .link, id, named("DEV_NVLINK_CRC_FLIT_ERROR_L#_TOTAL"),
                was: [named("DEV_NVLINK_CRC_FLIT_ERROR_COUNT_L#")],
                named("Flow control checksum errors of NVLink #"))
        }
        + indexed(ids(410...415, 457...462, 416...418, 484...486)) { id, named in
            counter(
                .link, id, named("DEV_NVLINK_CRC_DATA_ERROR_L#_TOTAL"),
                was: [named("DEV_NVLINK_CRC_DATA_ERROR_COUNT_L#")],
                named("Data checksum errors of NVLink #"))
        }
        + indexed(ids(420...425, 463...468, 426...428, 487...489)) { id, named in
            counter(
                .link, id, named("DEV_NVLINK_REPLAY_ERROR_L#_TOTAL"), was: [named("DEV_NVLINK_REPLAY_ERROR_COUNT_L#")],
                named("Packets that NVLink # sent again"))
        }
        + indexed(ids(430...435, 469...474, 436...438, 491...493)) { id, named in
            counter(
                .link, id, named("DEV_NVLINK_RECOVERY_ERROR_L#_TOTAL"),
                was: [named("DEV_NVLINK_RECOVERY_ERROR_COUNT_L#")],
                named("Times that NVLink # had to recover"))
        }
        + indexed(ids(440...445, 475...480, 446...448, 494...496)) { id, named in
            gauge(
                .link, id, named("DEV_NVLINK_THROUGHPUT_L#"), was: [named("DEV_NVLINK_BANDWIDTH_L#")], in: "MB/s",
                zeroAndUp,
                named("Throughput of NVLink #, both ways"))
        }
        + indexed(ids(825...842)) { id, named in
            gauge(
                .link, id, named("DEV_NVLINK_TX_THROUGHPUT_L#"), was: [named("DEV_NVLINK_TX_BANDWIDTH_L#")], in: "MB/s",
                zeroAndUp,
                named("What NVLink # sends"))
        }
        + indexed(ids(879...896)) { id, named in
            gauge(
                .link, id, named("DEV_NVLINK_RX_THROUGHPUT_L#"), was: [named("DEV_NVLINK_RX_BANDWIDTH_L#")], in: "MB/s",
                zeroAndUp,
                named("What NVLink # receives"))
        }
        + indexed(ids(1630...1647)) { id, named in
            gauge(
                .link, id, named("DEV_NVLINK_THROUGHPUT_L#_BYTES_PER_SECOND"), in: "B/s", zeroAndUp,
                named("Throughput of NVLink #, both ways"))
        }

    private static let sums: [DCGMField] = [
        counter(
            .link, 409, "DEV_NVLINK_CRC_FLIT_ERROR_TOTAL",
            was: ["DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", "dcgm_nvlink_flit_crc_error_count_total"],
            "Flow control checksum errors of all NVLinks"),
        counter(
            .link, 419, "DEV_NVLINK_CRC_DATA_ERROR_TOTAL",
            was: ["DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL", "dcgm_nvlink_data_crc_error_count_total"],
            "Data checksum errors of all NVLinks"),
        counter(
            .link, 429, "DEV_NVLINK_REPLAY_ERROR_TOTAL",
            was: ["DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", "dcgm_nvlink_replay_error_count_total"],
            "Packets that NVLinks sent again"),
        counter(
            .link, 439, "DEV_NVLINK_RECOVERY_ERROR_TOTAL",
            was: ["DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL", "dcgm_nvlink_recovery_error_count_total"],
            "Times that NVLinks had to recover"),
        gauge(
            .link, 449, "DEV_NVLINK_THROUGHPUT_TOTAL",
            was: ["DEV_NVLINK_BANDWIDTH_TOTAL", "dcgm_nvlink_bandwidth_total"], in: "MB/s",
            zeroAndUp,
            "Throughput of all NVLinks, both ways"),
        gauge(
            .link, 450, "DEV_NVLINK_ERROR", was: ["DEV_GPU_NVLINK_ERRORS"], zeroAndUp,
            "What is wrong with the GPU's NVLinks"),
        counter(
            .link, 497, "DEV_NVLINK_CRC_ERROR_TOTAL", was: ["DEV_NVLINK_ERROR_DL_CRC"],
            "Checksum errors of the data link layer"),
        counter(
            .link, 498, "DEV_NVLINK_RECOVERY_TOTAL", was: ["DEV_NVLINK_ERROR_DL_RECOVERY"],
            "Recoveries of the data link layer"),
        counter(
            .link, 499, "DEV_NVLINK_REPLAY_TOTAL", was: ["DEV_NVLINK_ERROR_DL_REPLAY"], "Replays of the data link layer"
        ),
        gauge(
            .link, 843, "DEV_NVLINK_TX_THROUGHPUT_TOTAL", was: ["DEV_NVLINK_TX_BANDWIDTH_TOTAL"], in: "MB/s", zeroAndUp,
            "What all NVLinks send"),
        gauge(
            .link, 897, "DEV_NVLINK_RX_THROUGHPUT_TOTAL", was: ["DEV_NVLINK_RX_BANDWIDTH_TOTAL"], in: "MB/s", zeroAndUp,
            "What all NVLinks receive"),
        gauge(
            .link, 1648, "DEV_NVLINK_THROUGHPUT_BYTES_PER_SECOND", in: "B/s", zeroAndUp,
            "Throughput of all NVLinks, both ways"),
    ]

    private static let sinceNVLink5: [DCGMField] = [
        counter(.link, 1200, "DEV_NVLINK_TX_PACKET_TOTAL", was: ["DEV_NVLINK_COUNT_TX_PACKETS"], "Packets sent"),
        counter(.link, 1201, "DEV_NVLINK_TX_BYTES_TOTAL", was: ["DEV_NVLINK_COUNT_TX_BYTES"], in: "B", "Bytes sent"),
        counter(.link, 1202, "DEV_NVLINK_RX_PACKET_TOTAL", was: ["DEV_NVLINK_COUNT_RX_PACKETS"], "Packets received"),
        counter(
            .link, 1203, "DEV_NVLINK_RX_BYTES_TOTAL", was: ["DEV_NVLINK_COUNT_RX_BYTES"], in: "B", "Bytes received"),
        counter(
            .link, 1204, "DEV_NVLINK_RX_PACKET_MALFORMED_TOTAL", was: ["DEV_NVLINK_COUNT_RX_MALFORMED_PACKET_ERRORS"],
            "Packets received that were malformed"),
        counter(
            .link, 1205, "DEV_NVLINK_RX_PACKET_DROPPED_TOTAL", was: ["DEV_NVLINK_COUNT_RX_BUFFER_OVERRUN_ERRORS"],
            "Received packets dropped for lack of buffer space"),
        counter(
            .link, 1206, "DEV_NVLINK_RX_ERROR_TOTAL", was: ["DEV_NVLINK_COUNT_RX_ERRORS"],
            "Packets received with errors"),
        counter(
            .link, 1207, "DEV_NVLINK_RX_REMOTE_ERROR_TOTAL", was: ["DEV_NVLINK_COUNT_RX_REMOTE_ERRORS"],
            "Packets received that the sender had marked as bad"),
        counter(
            .link, 1208, "DEV_NVLINK_RX_GENERAL_ERROR_TOTAL", was: ["DEV_NVLINK_COUNT_RX_GENERAL_ERRORS"],
            "Packets received with a header that does not fit"),
        counter(
            .link, 1209, "DEV_NVLINK_INTEGRITY_ERROR_TOTAL", was: ["DEV_NVLINK_COUNT_LOCAL_LINK_INTEGRITY_ERRORS"],
            "Times that a link had more errors than allowed"),
        counter(
            .link, 1210, "DEV_NVLINK_TX_DISCARD_TOTAL", was: ["DEV_NVLINK_COUNT_TX_DISCARDS"],
            "Packets given up instead of sent"),
        counter(
            .link, 1211, "DEV_NVLINK_RECOVERY_SUCCESSFUL_TOTAL",
            was: ["DEV_NVLINK_COUNT_LINK_RECOVERY_SUCCESSFUL_EVENTS"],
            "Recoveries after which the link was up again"),
        counter(
            .link, 1212, "DEV_NVLINK_RECOVERY_FAILED_TOTAL", was: ["DEV_NVLINK_COUNT_LINK_RECOVERY_FAILED_EVENTS"],
            "Recoveries after which the link was down"),
        counter(
            .link, 1213, "DEV_NVLINK_RECOVERY_EVENT_TOTAL", was: ["DEV_NVLINK_COUNT_LINK_RECOVERY_EVENTS"],
            "Recoveries of links"),
        counter(
            .link, 1214, "DEV_NVLINK_RX_SYMBOL_ERROR_TOTAL", was: ["DEV_NVLINK_COUNT_RX_SYMBOL_ERRORS"],
            "Symbols received with errors"),
        gauge(
            .link, 1215, "DEV_NVLINK_SYMBOL_BER_RAW", was: ["DEV_NVLINK_COUNT_SYMBOL_BER"], zeroAndUp,
            "Symbol error rate, as encoded"),
        gauge(
            .link, 1216, "DEV_NVLINK_SYMBOL_BER_RATIO", was: ["DEV_NVLINK_COUNT_SYMBOL_BER_FLOAT"], ratio, as: .double,
            "Symbol error rate"),
        gauge(
            .link, 1217, "DEV_NVLINK_EFFECTIVE_BER_RAW", was: ["DEV_NVLINK_COUNT_EFFECTIVE_BER"], zeroAndUp,
            "Error rate after correction, as encoded"),
        gauge(
            .link, 1218, "DEV_NVLINK_EFFECTIVE_BER_RATIO", was: ["DEV_NVLINK_COUNT_EFFECTIVE_BER_FLOAT"], ratio,
            as: .double,
            "Error rate after correction"),
        counter(
            .link, 1219, "DEV_NVLINK_EFFECTIVE_ERROR_TOTAL", was: ["DEV_NVLINK_COUNT_EFFECTIVE_ERRORS"],
            "Errors after correction"),
        counter(
            .link, 1220, "DEV_NVLINK_ECC_ERROR_TOTAL", was: ["DEV_NVLINK_ECC_DATA_ERROR_COUNT_TOTAL"],
            "ECC data errors of all NVLinks"),
    ]

    private static let forwardErrorCorrection: [DCGMField] = indexed(ids(1404...1419)) { id, named in
        counter(
            .link, id, named("DEV_NVLINK_FEC_HISTORY_#_TOTAL"), was: [named("DEV_NVLINK_COUNT_FEC_HISTORY_#")],
            named("Corrected symbol errors, bin #"))
    }

    /// One field for all links, which are distinguished by the label.
    private static let perLink: [DCGMField] = [
        gauge(
            .link, 1508, "DEV_NVLINK_LINK_STATUS", was: ["DEV_NVLINK_GET_STATE"], 0...15,
            "State of the link, as NVML numbers it"),
        counter(.link, 1525, "DEV_NVLINK_CRC_FLIT_ERROR_PER_LINK_TOTAL", "Flow control checksum errors of the link"),
        counter(.link, 1526, "DEV_NVLINK_CRC_DATA_ERROR_PER_LINK_TOTAL", "Data checksum errors of the link"),
        counter(.link, 1527, "DEV_NVLINK_REPLAY_ERROR_PER_LINK_TOTAL", "Packets that the link sent again"),
        counter(.link, 1528, "DEV_NVLINK_RECOVERY_ERROR_PER_LINK_TOTAL", "Times that the link had to recover"),
        gauge(
            .link, 1529, "DEV_NVLINK_THROUGHPUT_PER_LINK", in: "MB/s", zeroAndUp, "Throughput of the link, both ways"),
        gauge(.link, 1530, "DEV_NVLINK_TX_THROUGHPUT_PER_LINK", in: "MB/s", zeroAndUp, "What the link sends"),
        gauge(.link, 1531, "DEV_NVLINK_RX_THROUGHPUT_PER_LINK", in: "MB/s", zeroAndUp, "What the link receives"),
    ]

    private static let recovery: [DCGMField] = [
        gauge(
            .link, 581, "DEV_NVLINK_PPCNT_RECOVERY_SINCE_LAST_SECONDS",
            was: ["DEV_NVLINK_PPCNT_RECOVERY_TIME_SINCE_LAST"], in: "s",
            zeroAndUp,
            "Time since the link last recovered"),
        gauge(
            .link, 582, "DEV_NVLINK_PPCNT_RECOVERY_TIME_BETWEEN_LAST_TWO", in: "ms", zeroAndUp,
            "Time between the link's last two recoveries"),
        counter(
            .link, 583, "DEV_NVLINK_PPCNT_RECOVERY_SUCCESSFUL_TOTAL",
            was: ["DEV_NVLINK_PPCNT_RECOVERY_TOTAL_SUCCESSFUL_EVENTS"],
            "Recoveries after which the link was up again"),
        counter(
            .link, 584, "DEV_NVLINK_PPCNT_PHYSICAL_RECOVERY_SUCCESSFUL_TOTAL",
            was: ["DEV_NVLINK_PPCNT_PHYSICAL_SUCCESSFUL_RECOVERY_EVENTS"],
            "Recoveries of the physical layer that succeeded"),
        counter(
            .link, 585, "DEV_NVLINK_PPCNT_PHYSICAL_LINK_DOWN_TOTAL",
            was: ["DEV_NVLINK_PPCNT_PHYSICAL_LINK_DOWN_COUNTER"],
            "Times that the physical link went down"),
        gauge(
            .link, 1650, "DEV_NVLINK_PPCNT_RECOVERY_LAST_GAP_SECONDS", in: "s", zeroAndUp, as: .double,
            "Time between the link's last two recoveries"),
    ]

    private static func ids(_ ranges: ClosedRange<UInt16>...) -> [UInt16] { ranges.flatMap { Array($0) } }
}
