import TelemetryHTTP

/// One representation of a response: its media type, and the schema of its content.
struct ResponseContent: Sendable {
    let contentType: String
    let schema: JSONSchema
    /// The components that ``schema`` refers to.
    let components: [SchemaComponent]

    init(_ contentType: String, schema: JSONSchema, components: [SchemaComponent] = []) {
        self.contentType = contentType
        self.schema = schema
        self.components = components
    }

    init(_ contentType: String, component: SchemaComponent) {
        self.init(contentType, schema: .component(component.name), components: [component])
    }

    static let error = ResponseContent(APIError.contentType, shape: APIError.shape)

    static func text(_ contentType: String) -> ResponseContent { ResponseContent(contentType, schema: .text) }

    static func json<Value>(_ shape: ResponseShape<Value>) -> ResponseContent {
        ResponseContent(HTTPResponse.json, shape: shape)
    }

    static func json<Element, Details>(_ shape: ListShape<Element, Details>) -> ResponseContent {
        ResponseContent(HTTPResponse.json, component: shape.envelope.component)
    }

    private init<Value>(_ contentType: String, shape: ResponseShape<Value>) {
        self.init(contentType, schema: shape.reference, components: shape.parts)
    }
}
