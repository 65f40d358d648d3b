/// Values such as a DCGM exporter gives, made up for a fleet of H100s; the same seed gives the same.
///
/// The ten metrics, the number of GPUs and what values look like are those of a real export of July 2025 (247 GPUs of 31 hosts, one
/// moment): half the GPUs idle at 4 MiB and 345 MHz, the others at 80 to 100 % and up to 690 W; watts with three decimals, all
/// else whole; used and free framebuffer make 81,007 MiB; memory clock 2,619 MHz, no encoding or decoding. How values move from tick to
/// tick an export of one moment does not tell; here a GPU turns idle or busy about every twenty minutes, utilisation and power move at every
/// tick, temperature follows power, framebuffer and clock take a step now and then.
package struct Fleet: Sendable {
    package static let metrics = [
        "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_MEM_COPY_UTIL", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_GPU_TEMP",
        "DCGM_FI_DEV_FB_USED",
        "DCGM_FI_DEV_FB_FREE", "DCGM_FI_DEV_DEC_UTIL", "DCGM_FI_DEV_ENC_UTIL", "DCGM_FI_DEV_SM_CLOCK",
        "DCGM_FI_DEV_MEM_CLOCK",
    ]

    /// How the moments at which hosts are scraped lie around the ticks.
    package enum Jitter: String, Sendable {
        /// All at the tick.
        case none
        /// Up to 300 µs before or after, to the nanosecond; the same for all samples of a scrape, as a scraper stamps them.
        case scrape
        /// The same, for every sample another.
        case sample
    }

    private struct GPU {
        var isBusy: Bool
        var utilisation = 0
        var copying = 0
        var watts: Double
        var celsius: Double
        var mebibytes = 4
        var megahertz = 345
    }

    package let gpuCount: Int
    package let interval: Int64
    private let jitter: Jitter
    private var gpus: [GPU]
    private var random: SplitMix
    private var tick: Int64 = 0

    /// The interval between two ticks is in seconds.
    package init(gpus gpuCount: Int = 247, interval: Int = 1, jitter: Jitter, seed: UInt64) {
        self.gpuCount = gpuCount
        self.interval = Int64(interval) * 1_000_000_000
        self.jitter = jitter
        var random = SplitMix(state: seed)
        gpus = (0..<gpuCount).map { _ in
            let isBusy = Int.random(in: 0..<100, using: &random) < 48
            return GPU(isBusy: isBusy, watts: isBusy ? 500 : 90, celsius: isBusy ? 60 : 28)
        }
        self.random = random
    }

    /// The hosts have eight GPUs each.
    package static func host(of gpu: Int) -> Int { gpu / 8 }

    /// The next tick: of each GPU and metric in turn, the moment and the value.
    package mutating func next(_ body: (_ gpu: Int, _ metric: Int, _ time: Int64, _ value: Double) -> Void) {
        let moment = 1_752_871_354_000_000_000 + tick * interval
        tick += 1
        func strayed(_ random: inout SplitMix) -> Int64 {
            moment + Int64.random(in: -300_000...300_000, using: &random)
        }
        var scraped = moment
        for i in gpus.indices {
            if jitter == .scrape, i == 0 || Fleet.host(of: i) != Fleet.host(of: i - 1) { scraped = strayed(&random) }
            for (metric, value) in values(i).enumerated() {
                body(i, metric, jitter == .sample ? strayed(&random) : scraped, value)
            }
        }
    }

    private mutating func values(_ i: Int) -> [Double] {
        var gpu = gpus[i]
        func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }
        if chance(1200) {
            gpu.isBusy.toggle()
            gpu.mebibytes = gpu.isBusy ? Int.random(in: 5_000...77_400, using: &random) : 4
        }
        let noise = Double.random(in: -1...1, using: &random) + Double.random(in: -1...1, using: &random)
        if gpu.isBusy {
            if gpu.utilisation < 80 { gpu.utilisation = 96 }
            gpu.utilisation = min(100, max(80, gpu.utilisation + Int.random(in: -2...2, using: &random)))
            gpu.copying = min(80, max(20, gpu.copying + Int.random(in: -3...3, using: &random)))
            gpu.watts += (500 - gpu.watts) * 0.1 + noise * 12
            if chance(300) { gpu.mebibytes = min(77_413, gpu.mebibytes + 2 * Int.random(in: 1...64, using: &random)) }
            gpu.megahertz = chance(100) ? 1965 : 1980
        } else {
            gpu.utilisation = 0
            gpu.copying = 0
            gpu.watts += (90 - gpu.watts) * 0.1 + noise * 0.4
            gpu.megahertz = 345
        }
        gpu.celsius += (20 + gpu.watts * 0.085 - gpu.celsius) * 0.02
        gpus[i] = gpu
        return [
            Double(gpu.utilisation), Double(gpu.copying), (gpu.watts * 1000).rounded() / 1000, gpu.celsius.rounded(),
            Double(gpu.mebibytes),
            Double(81_007 - gpu.mebibytes), 0, 0, Double(gpu.megahertz), 2619,
        ]
    }
}

private struct SplitMix: RandomNumberGenerator, Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
