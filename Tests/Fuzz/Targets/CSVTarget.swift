import TelemetryKit

/// Reading a DCGM export row by row, with prediction, in pieces and in blocks by several workers is one reading: the same samples, bad rows,
/// counts and errors.
enum CSVTarget {
    private static let headers = [
        "",
        "timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,container,pod,namespace,value,labels_raw\n",
        "value,uuid,timestamp,gpu_id,device,modelName,Hostname,metric_name,extra\r\n",
        "metric_name,gpu_id,device,uuid,modelName,Hostname,labels_raw,timestamp,value\n",
    ]

    private struct Setting {
        var chunk: Int
        var csv = CSVReader.Configuration()
        var policy: BadRowPolicy
        /// Rows a call.
        var limit: Int
        var workers: Int
        var blockBytes: Int
        /// Rows that one reader reads first.
        var leadRows: Int
        var seed: UInt64

        init(_ input: inout FuzzInput) {
            chunk = input.oneOf([1 << 16, 4096, 1024, 333, 64, 17, 3, 1])
            csv.chunkSize = chunk
            csv.maxRowBytes = input.oneOf([1 << 20, 300, 120, 40])
            policy = input.oneOf([.skip, .stop])
            limit = input.oneOf([.max, 3, 2, 1])
            workers = input.number(below: 3) + 1
            blockBytes = input.oneOf([100, 333, 1000, 50, 16, 5, 2, 1])
            leadRows = input.oneOf([0, 1, 2, 4096])
            seed = UInt64(input.byte())
        }
    }

    static func failure(_ input: [UInt8]) -> String? {
        var input = FuzzInput(input)
        let setting = Setting(&input)
        let header = Array(input.oneOf(headers).utf8)
        // Rows that come again are those that can be predicted.
        let times = input.number(below: 3) + 1
        let text = header + Array(repeatElement(Array(input.rest), count: times).joined())
        let file = MemoryFile(text)

        var whole = setting
        whole.chunk = 1 << 16
        whole.limit = .max
        let plain = DCGMReading(
            text, name: file.path, predicts: false, whole.csv, whole.chunk, whole.policy, limit: whole.limit)
        let predicted = DCGMReading(
            text, name: file.path, predicts: true, setting.csv, setting.chunk, setting.policy, limit: setting.limit)
        if let difference = predicted.difference(from: plain) {
            return "predicting, in chunks of \(setting.chunk), \(setting.limit) rows a call: \(difference)"
        }
        let path = file.path
        let concurrent = StepExecutor.run(seed: setting.seed) {
            await DCGMReading(
                path: path, setting.csv, setting.policy, workers: setting.workers, blockBytes: setting.blockBytes,
                leadRows: setting.leadRows)
        }
        var expected = plain
        // After an error nobody asks for them.
        if plain.error != nil { expected.forgetCounts() }
        if let difference = concurrent.difference(from: expected) {
            return
                "\(setting.workers) workers, blocks of \(setting.blockBytes) behind \(setting.leadRows) rows, schedule \(setting.seed): \(difference)"
        }
        return nil
    }
}
