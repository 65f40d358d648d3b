import TelemetryIO

/// A request that is being processed.
struct HTTPExchange {
    var isHead: Bool
    var keepsConnection: Bool
    var isVersion11: Bool
    var isStreaming = false
    var isEventStream = false
}

extension HTTPConnection {
    func start(_ request: HTTPRequest, isLast: Bool) {
        exchangeID += 1
        exchange = HTTPExchange(
            isHead: request.method == "HEAD", keepsConnection: request.keepsConnection && !isLast,
            isVersion11: request.isVersion11)
        // `OPTIONS *` checks that the server is there (RFC 9110 section 9.3.7).
        if request.path == "*" { return respond(HTTPResponse(status: 204)) }
        switch core.handler {
        case .immediate(let handle): respond(handle(request))
        case .task(let handle):
            var request = request
            request.peer = peer
            let (whole, exchangeID, loop, bound) = (request, exchangeID, core.loop, LoopBound(self, to: core.loop))
            // If it need not wait, it has responded before this returns.
            let task = Task.immediate(executorPreference: loop) {
                let response = await handle(whole)
                if loop.isOnLoop { return bound.value.finish(response, exchangeID) }
                loop.execute { bound.value.finish(response, exchangeID) }
            }
            if exchange?.isStreaming == false { self.task = task }
        }
    }

    private func finish(_ response: HTTPResponse, _ exchangeID: Int) {
        guard !isClosed, exchangeID == self.exchangeID, exchange?.isStreaming == false else { return }
        task = nil
        respond(response)
        advance()
    }

    func respond(_ response: HTTPResponse) {
        guard var exchange else { return }
        core.lendOutput(to: &output)
        output.appendHead(of: response, common: core.commonFields())
        exchange.isEventStream = response.isEventStream
        // No further request can follow an endless body, nor, in HTTP/1.0, which has no chunks, one of unknown length.
        if case .stream = response.body, exchange.isEventStream || !exchange.isVersion11 {
            exchange.keepsConnection = false
        }
        if response.mayHaveBody {
            switch response.body {
            case .bytes(let bytes):
                output.append("\r\nContent-Length: ")
                output.appendDecimal(UInt64(bytes.count))
            case .stream:
                if exchange.isVersion11 { output.append("\r\nTransfer-Encoding: chunked") }
            }
        }
        if !exchange.keepsConnection {
            output.append("\r\nConnection: close\r\n\r\n")
        } else {
            // This is the default of HTTP/1.1.
            output.append(exchange.isVersion11 ? "\r\n\r\n" : "\r\nConnection: keep-alive\r\n\r\n")
        }
        self.exchange = exchange
        guard response.mayHaveBody, !exchange.isHead else { return endExchange() }
        switch response.body {
        case .bytes(let bytes):
            let sent = bytes.count >= Self.directBytes ? sendDirectly(bytes) : 0
            guard !isClosed else { return }
            bytes.withUnsafeBytes { output.append(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
            endExchange()
        case .stream(let write): stream(write)
        }
    }

    // MARK: Streaming

    private func stream(_ write: @escaping @Sendable (HTTPBodyWriter) async throws -> Void) {
        exchange!.isStreaming = true
        let (exchangeID, loop, bound) = (exchangeID, core.loop, LoopBound(self, to: core.loop))
        let writer = HTTPBodyWriter(connection: bound, loop: loop, exchangeID: exchangeID)
        let task = Task.immediate(executorPreference: loop) {
            var isWhole = true
            do { try await write(writer) } catch { isWhole = false }
            let outcome = isWhole
            if loop.isOnLoop { return bound.value.endStream(exchangeID, isWhole: outcome) }
            loop.execute { bound.value.endStream(exchangeID, isWhole: outcome) }
        }
        if exchange?.isStreaming == true { self.task = task }
    }

    func writeChunk(_ bytes: [UInt8], _ exchangeID: Int, _ continuation: CheckedContinuation<Void, any Error>) {
        guard !isClosed, exchangeID == self.exchangeID, let exchange, exchange.isStreaming else {
            return continuation.resume(throwing: HTTPPeerGone(reason: goneFor ?? .closed))
        }
        core.lendOutput(to: &output)
        if !bytes.isEmpty {
            if exchange.isVersion11 { output.appendChunkSize(bytes.count) }
            output.append(bytes)
            if exchange.isVersion11 { output.append("\r\n") }
        }
        writers.append(continuation)
        advance()
        // During the serving of a request the output is sent afterwards, and there is space until then.
        if output.count < Self.highWater { resumeWriters() }
    }

    /// The task that waits for space is cancelled.
    func abandonWrites(_ exchangeID: Int) {
        if exchangeID == self.exchangeID { resumeWriters(throwing: CancellationError()) }
    }

    func resumeWriters(throwing error: (any Error)? = nil) {
        let waiting = writers
        writers = []
        for writer in waiting {
            if let error { writer.resume(throwing: error) } else { writer.resume() }
        }
    }

    private func endStream(_ exchangeID: Int, isWhole: Bool) {
        guard !isClosed, exchangeID == self.exchangeID, let exchange, exchange.isStreaming else { return }
        task = nil
        // A truncated body must not look complete: the connection ends without the last chunk.
        guard isWhole else { return close(.closed) }
        core.lendOutput(to: &output)
        if exchange.isVersion11 { output.append("0\r\n\r\n") }
        endExchange()
        advance()
    }
}
