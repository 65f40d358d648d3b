import Testing

@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("DCGM catalogue")
struct CatalogueTests {
    @Test("every field has the number and the names that DCGM's headers give it", arguments: DCGMHeaderFacts.fields)
    func headerFacts(id: UInt16, old: String, new: String) throws {
        let field = try #require(DCGMCatalogue.field(id: id))
        #expect(field.name == new)
        #expect(field.legacyName == old)
        #expect(DCGMCatalogue.field(named: old) == field)
        #expect(DCGMCatalogue.field(named: new) == field)
    }

    @Test("lanes, engines and bins have DCGM's numbers, which do not follow each other")
    func indexedFacts() throws {
        let facts: [(prefix: String, suffix: String, was: (String, String), ids: [UInt16])] = [
            (
                "DEV_NVLINK_CRC_FLIT_ERROR_L", "_TOTAL", ("DEV_NVLINK_CRC_FLIT_ERROR_COUNT_L", ""),
                [400, 401, 402, 403, 404, 405, 451, 452, 453, 454, 455, 456, 406, 407, 408, 481, 482, 483]
            ),
            (
                "DEV_NVLINK_CRC_DATA_ERROR_L", "_TOTAL", ("DEV_NVLINK_CRC_DATA_ERROR_COUNT_L", ""),
                [410, 411, 412, 413, 414, 415, 457, 458, 459, 460, 461, 462, 416, 417, 418, 484, 485, 486]
            ),
            (
                "DEV_NVLINK_REPLAY_ERROR_L", "_TOTAL", ("DEV_NVLINK_REPLAY_ERROR_COUNT_L", ""),
                [420, 421, 422, 423, 424, 425, 463, 464, 465, 466, 467, 468, 426, 427, 428, 487, 488, 489]
            ),
            (
                "DEV_NVLINK_RECOVERY_ERROR_L", "_TOTAL", ("DEV_NVLINK_RECOVERY_ERROR_COUNT_L", ""),
                [430, 431, 432, 433, 434, 435, 469, 470, 471, 472, 473, 474, 436, 437, 438, 491, 492, 493]
            ),
            (
                "DEV_NVLINK_THROUGHPUT_L", "", ("DEV_NVLINK_BANDWIDTH_L", ""),
                [440, 441, 442, 443, 444, 445, 475, 476, 477, 478, 479, 480, 446, 447, 448, 494, 495, 496]
            ),
            ("DEV_NVLINK_TX_THROUGHPUT_L", "", ("DEV_NVLINK_TX_BANDWIDTH_L", ""), (0..<18).map { 825 + $0 }),
            ("DEV_NVLINK_RX_THROUGHPUT_L", "", ("DEV_NVLINK_RX_BANDWIDTH_L", ""), (0..<18).map { 879 + $0 }),
            (
                "DEV_NVLINK_THROUGHPUT_L", "_BYTES_PER_SECOND", ("DEV_NVLINK_THROUGHPUT_L", "_BYTES_PER_SECOND"),
                (0..<18).map { 1630 + $0 }
            ),
            ("PROF_NVLINK_L", "_TX_BYTES", ("PROF_NVLINK_L", "_TX_BYTES"), (0..<18).map { 1040 + 2 * $0 }),
            ("PROF_NVLINK_L", "_RX_BYTES", ("PROF_NVLINK_L", "_RX_BYTES"), (0..<18).map { 1041 + 2 * $0 }),
            ("PROF_NVDEC_UTIL_", "_RATIO", ("PROF_NVDEC", "_ACTIVE"), (0..<8).map { 1017 + $0 }),
            ("PROF_NVJPG_UTIL_", "_RATIO", ("PROF_NVJPG", "_ACTIVE"), (0..<8).map { 1025 + $0 }),
            ("PROF_NVOFA_UTIL_", "_RATIO", ("PROF_NVOFA", "_ACTIVE"), (0..<2).map { 1033 + $0 }),
            ("DEV_NVLINK_FEC_HISTORY_", "_TOTAL", ("DEV_NVLINK_COUNT_FEC_HISTORY_", ""), (0..<16).map { 1404 + $0 }),
        ]
        var seen = Set(DCGMHeaderFacts.fields.map(\.id))
        for fact in facts {
            for (index, id) in fact.ids.enumerated() {
                let field = try #require(DCGMCatalogue.field(id: id))
                #expect(field.name == "DCGM_FI_\(fact.prefix)\(index)\(fact.suffix)")
                #expect(field.legacyName == "DCGM_FI_\(fact.was.0)\(index)\(fact.was.1)")
                #expect(field.meaning.contains("\(index)"))
                seen.insert(id)
            }
        }
        // Nothing in the catalogue is beside the facts.
        #expect(Set(DCGMCatalogue.fields.compactMap(\.id)).subtracting(seen) == [])
    }

    @Test("numbers and names are of one field each, and names lead to their field and back")
    func uniqueness() {
        let fields = DCGMCatalogue.fields
        let ids = fields.compactMap(\.id)
        #expect(Set(ids).count == ids.count)
        #expect(ids == ids.sorted())
        let names = fields.flatMap { [$0.name] + $0.aliases }
        #expect(Set(names).count == names.count)
        for field in fields {
            for name in [field.name, field.legacyName] + field.aliases {
                #expect(DCGMCatalogue.field(named: name) == field)
            }
            if let id = field.id { #expect(DCGMCatalogue.field(id: id) == field) }
        }
        #expect(fields.filter { $0.id == nil }.allSatisfy { $0.name.hasPrefix("DCGM_EXP_") })
        #expect(DCGMCatalogue.field(named: "DCGM_FI_DEV_NO_SUCH") == nil)
        #expect(DCGMCatalogue.field(named: "") == nil)
        #expect(DCGMCatalogue.field(id: 0) == nil)
    }

    /// Since DCGM 4.6 most names end with what they are measured in.
    @Test("unit, type and range are those that the name promises", arguments: DCGMCatalogue.fields)
    func naming(field: DCGMField) {
        let units = [
            ("_CELSIUS", "°C"), ("_WATTS", "W"), ("_HERTZ", "Hz"), ("_BYTES_PER_SECOND", "B/s"), ("_MVOLT", "mV"),
            ("_NS", "ns"),
            ("_VIOLATION", "ns"), ("_JOULES_TOTAL", "J"), ("_SECONDS_TOTAL", "s"), ("_SECONDS", "s"),
            ("_BYTES_TOTAL", "B"),
            ("_RATIO", ""), ("_MASK", ""), ("_STATUS", ""), ("_MODE", ""), ("_FAILED", ""), ("_PENDING", ""),
        ]
        if let unit = units.first(where: { field.name.hasSuffix($0.0) })?.1 { #expect(field.unit == unit) }
        if field.name.hasSuffix("_BYTES") { #expect(field.unit == (field.kind == .profiling ? "B/s" : "B")) }
        if field.name.contains("_FB_") || field.name.contains("_BAR1_"), !field.name.hasSuffix("_RATIO") {
            #expect(field.unit == (field.name.hasSuffix("_BYTES") ? "B" : "MiB"))
        }
        if field.name.hasSuffix("_RATIO") { #expect(field.valueType == .double && field.validRange.upperBound <= 2) }
        if field.name.hasSuffix("_UTIL") { #expect(field.unit == "%" && field.validRange == 0...100) }
        if field.name.hasSuffix("_WATTS") { #expect(field.valueType == .double || field.name.contains("NVSWITCH")) }
        if field.name.contains("THROUGHPUT") { #expect(field.unit.hasSuffix("B/s") && field.metricType == .gauge) }
        let isTotal = field.name.hasSuffix("_TOTAL") && !field.name.hasSuffix("THROUGHPUT_TOTAL")
        if isTotal, field.unit != "MiB" { #expect(field.metricType == .counter) }
        if field.metricType == .counter { #expect(field.validRange == 0...Double.greatestFiniteMagnitude) }
        switch field.kind {
        case .memory: #expect(!field.unit.isEmpty || field.name.hasSuffix("_RATIO"))
        case .thermal: #expect(!field.unit.isEmpty || field.name.hasSuffix("_RATIO"))
        case .violation: #expect(["ns", "s"].contains(field.unit) && field.metricType == .counter)
        case .utilisation: #expect(field.unit == "%" || field.name.hasSuffix("_RATIO"))
        default: break
        }
        #expect(
            (field.valueType == .text)
                == (field.kind == .device && field.validRange.lowerBound == -.greatestFiniteMagnitude
                    && field.id != 171))
        #expect(
            !field.meaning.isEmpty && !field.meaning.contains("\n") && !field.meaning.contains("|")
                && !field.meaning.contains("#"))
    }

    @Test("where DCGM 4.7 changed a unit it is a field of its own, and no name has two units")
    func unitsOfNewFields() throws {
        let pairs: [(UInt16, String, UInt16, String, Double)] = [
            (90, "MiB", 1600, "B", 1_048_576), (92, "MiB", 1601, "B", 1_048_576), (93, "MiB", 1602, "B", 1_048_576),
            (100, "MHz", 1603, "Hz", 1e6), (101, "MHz", 1604, "Hz", 1e6), (102, "MHz", 1605, "Hz", 1e6),
            (110, "MHz", 1606, "Hz", 1e6),
            (111, "MHz", 1607, "Hz", 1e6), (113, "MHz", 1608, "Hz", 1e6), (114, "MHz", 1609, "Hz", 1e6),
            (115, "MHz", 1610, "Hz", 1e6),
            (156, "mJ", 1611, "J", 1e-3), (191, "%", 1612, "", 1e-2), (203, "%", 1613, "", 1e-2),
            (204, "%", 1614, "", 1e-2),
            (206, "%", 1615, "", 1e-2), (207, "%", 1616, "", 1e-2), (240, "ns", 1617, "s", 1e-9),
            (241, "ns", 1618, "s", 1e-9),
            (242, "ns", 1619, "s", 1e-9), (243, "ns", 1620, "s", 1e-9), (244, "ns", 1621, "s", 1e-9),
            (245, "ns", 1622, "s", 1e-9),
            (246, "ns", 1623, "s", 1e-9), (247, "ns", 1624, "s", 1e-9), (250, "MiB", 1625, "B", 1_048_576),
            (251, "MiB", 1626, "B", 1_048_576), (252, "MiB", 1627, "B", 1_048_576), (253, "MiB", 1628, "B", 1_048_576),
            (287, "MB/s", 1629, "B/s", 1e6), (449, "MB/s", 1648, "B/s", 1e6), (525, "MiB", 1649, "B", 1_048_576),
            (582, "ms", 1650, "s", 1e-3),
        ]
        for (oldID, oldUnit, newID, newUnit, factor) in pairs {
            let old = try #require(DCGMCatalogue.field(id: oldID))
            let new = try #require(DCGMCatalogue.field(id: newID))
            #expect(old.unit == oldUnit && new.unit == newUnit)
            #expect(old.kind == new.kind && old.metricType == new.metricType && old.meaning == new.meaning)
            if old.validRange.upperBound < .greatestFiniteMagnitude {
                #expect(abs(old.validRange.upperBound * factor / new.validRange.upperBound - 1) < 1e-12)
            }
        }
        // What was the percentage's name in DCGM 4.6 alone is the ratio's since 4.7.
        #expect(DCGMCatalogue.field(named: "DCGM_FI_DEV_GPU_UTIL")?.id == 203)
        #expect(DCGMCatalogue.field(named: "DCGM_FI_DEV_GPU_UTIL_RATIO")?.id == 1613)
    }

    @Test("ranges read as people write them")
    func rangeDescriptions() {
        let shown = [150, 156, 203, 1613, 870, 171, 252].map { DCGMCatalogue.field(id: $0)!.rangeDescription }
        #expect(
            shown == ["0 to 150 °C", "0 mJ and up", "0 to 100 %", "0 to 1", "-1 to 3", "any", "0 to 4194304 MiB"])
    }
}
