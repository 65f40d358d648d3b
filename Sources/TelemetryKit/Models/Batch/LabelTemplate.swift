import TelemetryNet

/// Labels without the parts that the series itself contains, so that many series share one text.
///
/// In a template's values `{uuid}` and similar placeholders stand for a member of the series, and `{{` for a brace.
struct LabelTemplate: Hashable, Sendable {
    /// Names and value templates, alternating.
    var texts: [ByteText]

    /// The members that a template may contain, in the order in which a value is compared with them.
    static let members = [
        "uuid", "hostname", "metric_name", "model_name", "device", "gpu_id", "container", "pod", "namespace",
    ]

    static func member(_ name: String, of gpu: GPUIdentity, _ metricName: String) -> String? {
        switch name {
        case "uuid": gpu.uuid
        case "hostname": gpu.hostname
        case "metric_name": metricName
        case "model_name": gpu.modelName
        case "device": gpu.device
        case "gpu_id": gpu.gpuID
        case "container": gpu.container
        case "pod": gpu.pod
        case "namespace": gpu.namespace
        default: nil
        }
    }

    init(texts: [ByteText]) { self.texts = texts }

    init(of series: MetricSeries) {
        texts = []
        texts.reserveCapacity(series.labels.count * 2)
        let values = LabelTemplate.members.map { LabelTemplate.member($0, of: series.gpu, series.metricName)! }
        for label in series.labels {
            texts.append(ByteText(label.name))
            texts.append(ByteText(LabelTemplate.text(of: label.value, values: values, hostname: series.gpu.hostname)))
        }
    }

    private static func text(of value: String, values: [String], hostname: String) -> String {
        if value.isEmpty { return value }
        if let index = values.firstIndex(where: { $0.hasBytes(of: value) }) { return "{\(members[index])}" }
        // Scrape targets are named by host and port.
        if !hostname.isEmpty, value.utf8.starts(with: hostname.utf8) {
            return "{hostname}" + escaped(value.utf8.dropFirst(hostname.utf8.count))
        }
        return escaped(value.utf8[...])
    }

    /// Compares bytes, not characters: a brace before a combining mark is part of another character and still a brace
    /// here.
    private static func escaped(_ utf8: Substring.UTF8View) -> String {
        guard utf8.contains(UInt8(ascii: "{")) else { return String(decoding: utf8, as: UTF8.self) }
        var bytes: [UInt8] = []
        for byte in utf8 {
            bytes.append(byte)
            if byte == UInt8(ascii: "{") { bytes.append(byte) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A parsed template, ready to be filled in.
struct CompiledTemplate: Sendable {
    private enum Part: Sendable {
        case literal(String)
        case member(String)
    }

    private var names: [String] = []
    private var values: [[Part]] = []
    /// The labels themselves, if there is nothing to fill in.
    private var constant: [MetricLabel]?

    init(_ template: LabelTemplate) throws(BatchError) {
        let texts = template.texts
        guard texts.count % 2 == 0 else { throw BatchError(reason: "labels: a template has a name without a value") }
        var isConstant = true
        var known: Set<ByteText> = []
        for i in stride(from: 0, to: texts.count, by: 2) {
            let name = texts[i].string
            guard known.insert(texts[i]).inserted else {
                throw BatchError(reason: "labels: a template has the name \(abbreviated(name)) twice")
            }
            names.append(name)
            let parts = try CompiledTemplate.parts(of: texts[i + 1].string)
            values.append(parts)
            for case .member in parts { isConstant = false }
        }
        if isConstant {
            constant = names.indices.map { MetricLabel(name: names[$0], value: CompiledTemplate.literal(values[$0])) }
        }
    }

    private static func literal(_ parts: [Part]) -> String {
        if case .literal(let text)? = parts.first { text } else { "" }
    }

    private static func parts(of text: String) throws(BatchError) -> [Part] {
        var parts: [Part] = []
        var literal: [UInt8] = []
        let utf8 = Array(text.utf8)
        var at = 0
        while at < utf8.count {
            guard utf8[at] == UInt8(ascii: "{") else {
                literal.append(utf8[at])
                at += 1
                continue
            }
            if at + 1 < utf8.count, utf8[at + 1] == UInt8(ascii: "{") {
                literal.append(utf8[at])
                at += 2
                continue
            }
            guard let close = utf8[at...].firstIndex(of: UInt8(ascii: "}")) else {
                throw BatchError(reason: "labels: a brace is not closed in \"\(abbreviated(text))\"")
            }
            let name = String(decoding: utf8[at + 1..<close], as: UTF8.self)
            guard LabelTemplate.members.contains(name) else {
                throw BatchError(reason: "labels: {\(abbreviated(name))} is not a member of a series")
            }
            if !literal.isEmpty { parts.append(.literal(String(decoding: literal, as: UTF8.self))) }
            literal.removeAll()
            parts.append(.member(name))
            at = close + 1
        }
        if !literal.isEmpty { parts.append(.literal(String(decoding: literal, as: UTF8.self))) }
        return parts
    }

    /// Returns the labels of one series. `budget` is the number of bytes of text that may still be created: a short
    /// batch must not expand without limit.
    func labels(of gpu: GPUIdentity, _ metricName: String, budget: inout Int) throws(BatchError) -> [MetricLabel] {
        if let constant { return constant }
        var labels: [MetricLabel] = []
        labels.reserveCapacity(names.count)
        for i in names.indices {
            var value = ""
            for part in values[i] {
                let text =
                    switch part {
                    case .literal(let text): text
                    case .member(let name): LabelTemplate.member(name, of: gpu, metricName)!
                    }
                budget -= text.utf8.count
                guard budget >= 0 else { throw BatchError(reason: "labels: the templates expand to too much text") }
                if value.isEmpty { value = text } else { value += text }
            }
            labels.append(MetricLabel(name: names[i], value: value))
        }
        return labels
    }
}
