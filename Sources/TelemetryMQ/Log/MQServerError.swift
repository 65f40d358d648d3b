/// The reason why a server could not start.
public struct MQServerError: Error, Sendable, CustomStringConvertible {
    public let description: String

    package init(_ description: String) { self.description = description }
}
