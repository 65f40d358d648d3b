import TelemetryBase
import TelemetryHTTP
import TelemetryIO
import TelemetryStores

/// A JSON response that is written in pieces, one for each element of a list that is in memory as references.
///
/// A response of up to ``bufferedBytes`` is sent as a whole. A larger one is streamed with backpressure, so that texts
/// shared by many elements are not in memory once per element. All pieces are written once before that to count their
/// bytes, so that a response beyond the limit is an error and not an aborted transfer.
struct PiecedBody: Sendable {
    /// Larger responses are streamed.
    static let bufferedBytes = 512 * 1024
    private static let chunkBytes = 128 * 1024

    /// The number of pieces.
    var count: Int
    /// Returns a writer of the pieces, from the first to the last; it may keep state from piece to piece.
    var makeWriter: @Sendable () -> (inout ByteWriter, Int) -> Void

    /// The elements of an array within other JSON.
    ///
    /// - Parameter makeWriter: returns the writer of an element, without a comma. It appends bytes, since there may be
    ///   a hundred thousand samples.
    init<Element: Sendable>(
        _ elements: [Element], in frame: JSONFrame,
        makeWriter: @escaping @Sendable () -> (inout ByteWriter, Element) -> Void
    ) {
        self.init(count: elements.count + 2) {
            let write = makeWriter()
            return { out, piece in
                switch piece {
                case 0: out.append(frame.head)
                case elements.count + 1: out.append(frame.tail)
                default:
                    if piece > 1 { out.append(UInt8(ascii: ",")) }
                    write(&out, elements[piece - 1])
                }
            }
        }
    }

    init(count: Int, makeWriter: @escaping @Sendable () -> (inout ByteWriter, Int) -> Void) {
        self.count = count
        self.makeWriter = makeWriter
    }

    /// Throws ``APIError`` if the response is larger than the gateway's limit, and `CancellationError` if its client
    /// has left. The rest of a streamed response is written by the gateway's workers.
    func response(_ gateway: GatewayCore) throws -> HTTPResponse {
        let limit = gateway.configuration.maxResponseBytes
        let workers = gateway.workers
        var out = ByteWriter(capacity: 4096)
        var counted = 0
        let write = makeWriter()
        var check = CancellationCheck()
        for piece in 0..<count {
            try check.step()
            write(&out, piece)
            guard counted + out.count <= limit else { throw APIError.responseTooLarge(limit) }
            if counted + out.count > Self.bufferedBytes {
                counted += out.count
                out.bytes.removeAll(keepingCapacity: out.count <= 2 * Self.bufferedBytes)
            }
        }
        if counted == 0 { return HTTPResponse(contentType: HTTPResponse.json, out.bytes) }
        return HTTPResponse(
            headers: [("Content-Type", HTTPResponse.json)],
            body: .stream { body in try await withTaskExecutorPreference(workers) { try await send(to: body) } })
    }

    private func send(to body: HTTPBodyWriter) async throws {
        let write = makeWriter()
        var out = ByteWriter(capacity: Self.chunkBytes + 4096)
        for piece in 0..<count {
            write(&out, piece)
            guard out.count >= Self.chunkBytes || piece == count - 1 else { continue }
            // A piece may be far larger than a chunk, but the connection buffers what it is given.
            for start in stride(from: 0, to: out.count, by: 2 * Self.chunkBytes) {
                try await body.write(Array(out.bytes[start..<min(start + 2 * Self.chunkBytes, out.count)]))
            }
            out.bytes.removeAll(keepingCapacity: out.count <= 2 * Self.chunkBytes)
        }
    }
}

/// The JSON text around the elements of an array.
struct JSONFrame: Sendable {
    /// Up to the `[`.
    let head: [UInt8]
    /// From the `]` on.
    let tail: [UInt8]

    /// - Parameter write: writes one value; it calls its second argument in the array for the elements.
    init(_ write: (inout JSONWriter<ByteWriter>, _ elements: (inout JSONWriter<ByteWriter>) -> Void) -> Void) {
        var headCount = 0
        let bytes = ByteWriter.json { write(&$0) { headCount = $0.sink.count } }
        head = Array(bytes[..<headCount])
        tail = Array(bytes[headCount...])
    }
}
