import TelemetryBase
import TelemetryHTTP
import TelemetryStores

/// The form of a JSON object around `data` that is written separately, since it may be large: the members before and
/// after it.
struct EnvelopeShape<Details: Sendable>: Sendable {
    typealias Write = (inout JSONWriter<ByteWriter>) -> Void

    let component: SchemaComponent
    private let leading: [ResponseMember<Details>]
    private let trailing: [ResponseMember<Details>]

    /// - Parameters:
    ///   - data: the schema of `data`.
    ///   - parts: the components that the schema refers to.
    ///   - example: the details of the example of the schema.
    ///   - exampleData: writes the data of the example.
    init(
        _ name: String, leading: [ResponseMember<Details>] = [], data: JSONSchema, parts: [SchemaComponent] = [],
        trailing: [ResponseMember<Details>] = [], example: Details, exampleData: Write
    ) {
        self.leading = leading
        self.trailing = trailing
        let members =
            leading.map { ($0.name, $0.schema, $0.isRequired) } + [("data", data, true)]
            + trailing.map { ($0.name, $0.schema, $0.isRequired) }
        let schema = JSONSchema.object(
            required: members.filter(\.2).map(\.0), properties: members.map { ($0.0, $0.1) })
        let bytes = ByteWriter.json { Self.write(leading, trailing, example, to: &$0, data: exampleData) }
        component = SchemaComponent(
            name: name, schema: schema.with("examples", .array(json: [bytes])), parts: parts)
    }

    /// - Parameter data: writes the one value of `data`.
    func write(_ details: Details, to json: inout JSONWriter<ByteWriter>, data: Write) {
        Self.write(leading, trailing, details, to: &json, data: data)
    }

    private static func write(
        _ leading: [ResponseMember<Details>], _ trailing: [ResponseMember<Details>], _ details: Details,
        to json: inout JSONWriter<ByteWriter>, data: Write
    ) {
        json.object { json in
            for member in leading { member.write(details, &json) }
            json.key("data")
            data(&json)
            for member in trailing { member.write(details, &json) }
        }
    }
}

/// The form of a list: `{"data":[…],…}` with members after the data.
struct ListShape<Element: Sendable, Details: Sendable>: Sendable {
    let envelope: EnvelopeShape<Details>
    /// Writes one element, without a comma.
    let writeElement: @Sendable (inout ByteWriter, Element) -> Void

    /// - Parameters:
    ///   - example: the details of the schema's example, whose data is one element.
    ///   - writeElement: writes an element in fewer steps than the shape, but the same bytes.
    init(
        _ name: String, of element: ResponseShape<Element>, example: Details, _ members: [ResponseMember<Details>],
        writeElement: (@Sendable (inout ByteWriter, Element) -> Void)? = nil
    ) {
        self.writeElement =
            writeElement ?? { out, value in out.appendJSON { element.write(value, to: &$0) } }
        envelope = EnvelopeShape(
            name, data: .array(of: element.reference), parts: element.parts, trailing: members, example: example
        ) { json in
            json.array { json in
                if let example = element.example { element.write(example, to: &json) }
            }
        }
    }

    /// The JSON text of a list, as a whole.
    func bytes(of elements: [Element], _ details: Details) -> [UInt8] {
        let frame = JSONFrame { json, elements in envelope.write(details, to: &json) { $0.array(elements) } }
        var out = ByteWriter(capacity: 64 * 1024)
        out.append(frame.head)
        for (index, element) in elements.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            writeElement(&out, element)
        }
        out.append(frame.tail)
        return out.bytes
    }
}

/// The details of most lists: the number of elements in the response, and in the whole list.
struct ListCounts: Sendable {
    var count: Int
    var total: Int

    static let countMember = JSONSchema.count.described("The number of entries in this response.")
    static let totalMember = JSONSchema.count.described("The number of entries of all pages.")
}

extension ListShape where Details == ListCounts {
    init(
        _ name: String, of element: ResponseShape<Element>,
        writeElement: (@Sendable (inout ByteWriter, Element) -> Void)? = nil
    ) {
        self.init(
            name, of: element, example: ListCounts(count: 1, total: 1),
            [
                ResponseMember("count", ListCounts.countMember) { $0.count },
                ResponseMember("total", ListCounts.totalMember) { $0.total },
            ], writeElement: writeElement)
    }
}
