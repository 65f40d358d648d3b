import TelemetryBase

/// Labels without the parts that the series itself contains, so that many series share one text.
///
/// In a template's values `{uuid}` and similar placeholders stand for a member of the series, and `{{` for a brace.
struct LabelTemplate: Hashable, Sendable {
    /// Names and value templates, alternating.
    var texts: [ByteText]

    /// A member of a series that a template may refer to.
    struct Member: Sendable {
        let name: String
        /// `nil` for the metric's name.
        private let gpuMember: GPUMember?

        fileprivate init(_ gpuMember: GPUMember) { (name, self.gpuMember) = (gpuMember.name, gpuMember) }

        fileprivate init(metricName name: String) { (self.name, gpuMember) = (name, nil) }

        func text(of gpu: GPUIdentity, _ metricName: String) -> String { gpuMember?.text(of: gpu) ?? metricName }
    }

    /// The members that a template may refer to, in the order in which a value is compared with them: the first with
    /// this value counts, so the order is part of the format. Members that are not in `first` follow.
    static let members: [Member] = {
        let first = ["uuid", "hostname", "metric_name", "model_name", "device"]
        let all = [Member(metricName: "metric_name")] + ColumnarEncoder.firstMembers.map { Member($0) }
        return first.map { name in all.first { $0.name == name }! } + all.filter { !first.contains($0.name) }
    }()

    init(texts: [ByteText]) { self.texts = texts }

    init(of series: MetricSeries) {
        texts = []
        texts.reserveCapacity(series.labels.count * 2)
        let values = LabelTemplate.members.map { $0.text(of: series.gpu, series.metricName) }
        for label in series.labels {
            texts.append(ByteText(label.name))
            texts.append(ByteText(LabelTemplate.text(of: label.value, values: values, hostname: series.gpu.hostname)))
        }
    }

    private static func text(of value: String, values: [String], hostname: String) -> String {
        if value.isEmpty { return value }
        if let index = values.firstIndex(where: { $0.hasBytes(of: value) }) { return "{\(members[index].name)}" }
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
        case member(LabelTemplate.Member)
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
            guard let member = LabelTemplate.members.first(where: { $0.name == name }) else {
                throw BatchError(reason: "labels: {\(abbreviated(name))} is not a member of a series")
            }
            if !literal.isEmpty { parts.append(.literal(String(decoding: literal, as: UTF8.self))) }
            literal.removeAll()
            parts.append(.member(member))
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
                    case .member(let member): member.text(of: gpu, metricName)
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
