import Glibc

/// One client: its requests are answered one after the other, in the order in which they came.
final class HTTPConnection: EventHandler {
    /// A streamed body waits while so much of it is unsent.
    private static let highWater = 256 * 1024

    let descriptor: Int32
    private let peer: SocketAddress
    private unowned let server: HTTPServerCore
    private var parser: HTTPRequestParser
    private var input = ByteQueue()
    private var output = ByteQueue()
    /// The request that is being answered; `nil` between requests.
    private var current: Current?
    private var task: Task<Void, Never>?
    /// Counts requests, so that a late answer to one that is over is known as such.
    private var number = 0
    private var waiting: CheckedContinuation<Void, any Error>?
    private var watched: EventSet = .readable
    private var closesWhenDrained = false
    private var isLastRequest = false
    private var peerEnded = false
    private var isClosed = false
    private var lastProgress: ContinuousClock.Instant
    /// When the request that is not whole yet began to arrive.
    private var partialSince: ContinuousClock.Instant?

    private struct Current {
        var isHead: Bool
        var keepsConnection: Bool
        var isVersion11: Bool
        var isStreaming = false
    }

    init(descriptor: Int32, peer: SocketAddress, server: HTTPServerCore) {
        self.descriptor = descriptor
        self.peer = peer
        self.server = server
        parser = HTTPRequestParser(limits: server.configuration.limits)
        lastProgress = server.loop.now
        Socket.setNoDelay(descriptor)
    }

    // MARK: Receiving

    func ready(_ events: EventSet) {
        if events.contains(.writable) { flush() }
        if isClosed { return }
        if events.contains(.error) { return close() }
        if watched.contains(.readable), !events.isDisjoint(with: [.readable, .hangup]) {
            receive()
        } else if events.contains(.hangup) {
            close()
        }
    }

    private func receive() {
        do {
            guard let count = try Socket.read(descriptor, into: server.scratch) else { return }
            guard count > 0 else {
                peerEnded = true
                if current == nil { closesWhenDrained = true }
                return flush()
            }
            if closesWhenDrained { return }
            let received = UnsafeRawBufferPointer(rebasing: server.scratch[..<count])
            if input.isEmpty, current == nil {
                let used = serve(received)
                if !isClosed, !closesWhenDrained { input.append(UnsafeRawBufferPointer(rebasing: received[used...])) }
            } else {
                input.append(received)
                serveInput()
            }
            notePartialRequest()
            flush()
        } catch {
            close()
        }
    }

    /// A request counts as begun with its first byte, so that one who sends it byte by byte gains no time.
    private func notePartialRequest() {
        if current != nil || (input.isEmpty && !parser.isWithinRequest) {
            partialSince = nil
        } else if partialSince == nil {
            partialSince = server.loop.now
        }
    }

    private func serveInput() {
        while current == nil, !input.isEmpty, !isClosed, !closesWhenDrained {
            let used = serve(input.bytes)
            input.consume(used)
            if used == 0 { break }
        }
        input.releaseIfEmpty()
    }

    /// Handles requests from the front of the bytes until one is under way or more bytes are needed; returns how many it took.
    private func serve(_ bytes: UnsafeRawBufferPointer) -> Int {
        var taken = 0
        while current == nil, !isClosed, !closesWhenDrained {
            var used = 0
            do {
                let step = try parser.parse(UnsafeRawBufferPointer(rebasing: bytes[taken...]), used: &used)
                taken += used
                switch step {
                case .needsMore: return taken
                case .expectsContinue: output.append("HTTP/1.1 100 Continue\r\n\r\n")
                case .request(let request): start(request)
                }
            } catch {
                refuse(error)
                return bytes.count
            }
            if taken == bytes.count { break }
        }
        return taken
    }

    private func refuse(_ refusal: HTTPRefusal) {
        current = Current(isHead: false, keepsConnection: false, isVersion11: true)
        respond(.plain(refusal.status, refusal.reason))
    }

    // MARK: Handling

    private func start(_ request: HTTPRequest) {
        number += 1
        current = Current(
            isHead: request.method == "HEAD", keepsConnection: request.keepsConnection && !isLastRequest,
            isVersion11: request.isVersion11)
        var request = request
        switch server.handler {
        case .immediate(let handle): respond(handle(request))
        case .task(let handle):
            request.peer = peer.description
            let bound = LoopBound(self, to: server.loop)
            let loop = server.loop
            let (whole, number) = (request, number)
            task = Task(executorPreference: loop) {
                let response = await handle(whole)
                loop.execute { bound.value.finish(response, number) }
            }
        }
    }

    private func finish(_ response: HTTPResponse, _ number: Int) {
        guard !isClosed, number == self.number, current != nil else { return }
        task = nil
        respond(response)
        serveNext()
    }

    private func respond(_ response: HTTPResponse) {
        guard let current else { return }
        appendHead(response, current)
        switch response.body {
        case .bytes(let bytes):
            if !current.isHead { output.append(bytes) }
            endRequest()
        case .stream(let write):
            guard !current.isHead else { return endRequest() }
            self.current!.isStreaming = true
            let loop = server.loop
            let bound = LoopBound(self, to: loop)
            let writer = HTTPBodyWriter(connection: bound, loop: loop, number: number)
            task = Task(executorPreference: loop) {
                let isWhole: Bool
                do {
                    try await write(writer)
                    isWhole = true
                } catch {
                    isWhole = false
                }
                loop.execute { bound.value.endStream(writer.number, isWhole: isWhole) }
            }
        }
    }

    private func appendHead(_ response: HTTPResponse, _ current: Current) {
        output.append("HTTP/1.1 ")
        output.appendDecimal(UInt64(response.status))
        output.append(" ")
        output.append(HTTPResponse.reason(response.status))
        output.append("\r\nDate: ")
        append(server.date())
        output.append("\r\nServer: ")
        append(server.configuration.name)
        for (name, value) in response.headers {
            output.append("\r\n")
            append(name)
            output.append(": ")
            append(value)
        }
        switch response.body {
        case .bytes(let bytes):
            if response.status != 204, response.status != 304 {
                output.append("\r\nContent-Length: ")
                output.appendDecimal(UInt64(bytes.count))
            }
        case .stream:
            // HTTP/1.0 knows no chunks: there the end of the connection ends the body.
            if current.isVersion11 { output.append("\r\nTransfer-Encoding: chunked") } else { self.current!.keepsConnection = false }
        }
        output.append(self.current!.keepsConnection ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n")
    }

    private func append(_ text: String) {
        var text = text
        text.withUTF8 { output.append(UnsafeRawBufferPointer($0)) }
    }

    private func endRequest() {
        if current?.keepsConnection != true { closesWhenDrained = true }
        current = nil
        partialSince = nil
        lastProgress = server.loop.now
    }

    // MARK: Streaming

    func writeChunk(_ bytes: [UInt8], _ number: Int, _ continuation: CheckedContinuation<Void, any Error>) {
        guard !isClosed, number == self.number, current?.isStreaming == true else {
            return continuation.resume(throwing: HTTPPeerGone())
        }
        if !bytes.isEmpty {
            if current!.isVersion11 {
                append(String(bytes.count, radix: 16))
                output.append("\r\n")
            }
            output.append(bytes)
            if current!.isVersion11 { output.append("\r\n") }
        }
        waiting = continuation
        flush()
    }

    private func endStream(_ number: Int, isWhole: Bool) {
        guard !isClosed, number == self.number, current?.isStreaming == true else { return }
        task = nil
        // A body that broke off must not look whole: the connection ends without the last chunk.
        guard isWhole else { return close() }
        if current!.isVersion11 { output.append("0\r\n\r\n") }
        endRequest()
        serveNext()
    }

    /// Goes on with what was pipelined behind the request that is over.
    private func serveNext() {
        serveInput()
        if peerEnded, current == nil { closesWhenDrained = true }
        notePartialRequest()
        flush()
    }

    // MARK: Sending

    private func flush() {
        guard !isClosed else { return }
        do {
            while !output.isEmpty {
                guard let count = try Socket.write(descriptor, output.bytes) else { break }
                output.consume(count)
                lastProgress = server.loop.now
            }
        } catch {
            return close()
        }
        if let waiting, output.count < Self.highWater {
            self.waiting = nil
            waiting.resume()
        }
        if output.isEmpty {
            output.releaseIfEmpty()
            if closesWhenDrained, current == nil { return endWriting() }
        }
        watch()
    }

    /// Ends our side and lets the client end its own, so that a reset does not destroy an answer on its way.
    private func endWriting() {
        if peerEnded { return close() }
        Socket.endWriting(descriptor)
        watch()
    }

    private func watch() {
        var wanted: EventSet = []
        // While a request is under way, reading finds out whether the client is still there, within a bound.
        if !peerEnded, input.count < 2 * server.configuration.limits.maxHeadBytes || closesWhenDrained { wanted.insert(.readable) }
        if !output.isEmpty { wanted.insert(.writable) }
        guard wanted != watched else { return }
        watched = wanted
        server.loop.modify(descriptor, events: wanted)
    }

    // MARK: Ending

    /// Called about once a second.
    func checkTimeouts() {
        let quiet = server.loop.now - lastProgress
        let configuration = server.configuration
        if closesWhenDrained, current == nil, output.isEmpty {
            if quiet > .seconds(2) { close() }
        } else if !output.isEmpty {
            if quiet > configuration.writeTimeout { close() }
        } else if current == nil {
            if let partialSince {
                guard server.loop.now - partialSince > configuration.requestTimeout else { return }
                refuse(HTTPRefusal(status: 408, reason: "the request was not complete within \(configuration.requestTimeout)"))
                flush()
            } else if quiet > configuration.idleTimeout {
                close()
            }
        }
    }

    /// Closes now where no request is under way, else behind its answer.
    func closeAfterRequest() {
        isLastRequest = true
        if current == nil {
            closesWhenDrained = true
            if output.isEmpty { close() }
        } else {
            current!.keepsConnection = false
        }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        task?.cancel()
        task = nil
        waiting?.resume(throwing: HTTPPeerGone())
        waiting = nil
        server.loop.deregister(descriptor)
        Socket.close(descriptor)
        server.remove(self)
    }
}
