import TelemetryModels

/// The samples that the suite writes.
enum SuiteSamples {
    /// A multiple of every resolution that a store may have.
    static let start = Timestamp(nanoseconds: 1_752_871_350_000_000_000)

    static func series(
        _ metric: String = "UTIL", gpu: String = "GPU-a", id: String = "0", host: String = "host-1",
        model: String = "NVIDIA H100 80GB HBM3",
        pod: String = "", labels: [MetricLabel] = []
    ) -> MetricSeries {
        MetricSeries(
            metricName: metric,
            gpu: GPUIdentity(
                gpuID: id, device: "nvidia" + id, uuid: gpu, modelName: model, hostname: host,
                container: pod.isEmpty ? "" : "main", pod: pod,
                namespace: pod.isEmpty ? "" : "ml"),
            labels: labels)
    }

    /// Texts that could break a line or a query, or escape from one.
    static let hostileTexts = [
        "", " ", "a b", "a,b=c", "back\\", "back\\\\", "\\,\\=\\ ", "quote'\"", "line\nfeed", "\r\t\u{7F}", "100%",
        "%41", "%", "#hash", "ünï😀",
        "x' OR 'a'='a", "x\\' OR 1=1 --", "x'; DROP DATABASE \"gpu_telemetry\"; --", "\") |> yield() //", "${r.uuid}",
        "$\\{1}", ".*", "/.*/",
        "UTIL\"; SHOW DATABASES; SELECT \"", "{}", "\"} or {uuid=~\".*", "a|b", "^$", "[a-z]+", "(", "'", "`",
        "\u{1}\u{1F}", "<b>&amp;</b>", "../..", "null",
    ]

    /// Values within the digits that the store keeps.
    static func values(digits: Int?) -> [Double] {
        guard let digits else {
            return [
                0, -0.5, 0.1, 97, 1e300, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, 9_007_199_254_740_994,
                123_456.789, 1 / 3, .pi * 1e-9,
                (2.0).squareRoot() * 1e200, -1e-200, 0.1 + 0.2,
            ]
        }
        // Numbers with the same count of digits, with the decimal point at different positions.
        var random = SuiteRandom(seed: 3)
        let whole = Int64(powerOfTen(digits - 1))..<Int64(powerOfTen(digits))
        var values: [Double] = [0, -0.5, 0.1, 97, 412.25]
        for scale in digits - 3..<digits + 3 {
            for sign in [1.0, -1.0] {
                for _ in 0..<10 {
                    values.append(sign * Double(Int64.random(in: whole, using: &random)) / powerOfTen(scale))
                }
            }
        }
        return values
    }

    /// Exact up to 10^22, so that a division by it returns the number nearest to the decimal one.
    private static func powerOfTen(_ exponent: Int) -> Double { (0..<exponent).reduce(1) { power, _ in power * 10 } }
}

/// Random numbers that a failing check can reproduce (SplitMix64), here and in our own tests.
package struct SuiteRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension StoreExamination {
    /// A time that is the number of the store's ticks after the start.
    func time(_ ticks: Int) -> Timestamp {
        Timestamp(nanoseconds: SuiteSamples.start.nanoseconds + Int64(ticks) * traits.tick)
    }

    func sample(_ series: MetricSeries, _ ticks: Int, _ value: Double) -> GPUMetric {
        GPUMetric(timestamp: time(ticks), value: value, series: series)
    }
}
