import ExampleSupport
import TelemetryGateway
import TelemetryStores

/// What this program says of its memory: that of the store, and that of the process.
struct MemoryReport: Sendable {
    let store: MemoryStore

    /// Before there are threads: each heap keeps what was freed in it, and there would be eight for each processor.
    static func prepare() { ProcessMemory.limitHeaps() }

    /// Gives memory back to the system that samples took which are evicted or expired, until the task is cancelled: the allocator keeps
    /// what is freed between what is not, and the process would take a multiple of MEMORY_LIMIT.
    func giveBackFreed() async {
        var wait = Duration.seconds(5)
        while (try? await Task.sleep(for: wait)) != nil {
            guard let resident = ProcessMemory.residentBytes else { return }
            let allocated = ProcessMemory.allocatedBytes
            guard resident - allocated > max(16 << 20, allocated / 8) else { continue }
            ProcessMemory.giveBackFreed()
            // What is kept for other reasons is not looked for again and again.
            let freed = resident - (ProcessMemory.residentBytes ?? resident)
            wait = freed > 8 << 20 ? .seconds(5) : min(wait * 2, .seconds(120))
        }
    }

    /// Logs once when the limit begins to be felt, and once when it ends.
    static func log(_ event: MemoryStore.Event, _ log: Logger) {
        switch event {
        case .evictionStarted(let usage):
            log.warning(
                "MEMORY_LIMIT is reached: the oldest samples are evicted from now on",
                [
                    "limit": usage.limit ?? 0, "bytes": usage.byteCount,
                    "oldest_kept": "\(usage.oldestKept.map { "\($0)" } ?? "-")",
                ])
        case .evictionEnded(let usage):
            log.info(
                "MEMORY_LIMIT is no longer reached",
                ["limit": usage.limit ?? 0, "bytes": usage.byteCount, "evicted_samples": usage.evictedSamples])
        }
    }

    /// A detail and not a failure: what is held is served all the same.
    var readiness: Gateway.ReadinessCheck {
        let usage = store.usage
        var detail = "\(usage.byteCount) of \(usage.limit ?? 0) bytes (MEMORY_LIMIT) in use"
        if usage.byteCount > usage.limit ?? .max { detail += ": the newest samples alone take more than the limit" }
        if usage.isEvicting { detail += "; the oldest samples are being evicted" }
        if usage.evictedSamples > 0 { detail += "; \(usage.evictedSamples) samples evicted so far" }
        if let oldest = usage.oldestKept { detail += "; nothing before \(oldest) is kept" }
        return Gateway.ReadinessCheck(name: "memory", isReady: true, detail: detail)
    }

    /// Prometheus text format.
    func appendMetrics(to out: inout MetricsText) {
        let usage = store.usage
        out.appendMetricFamily("telemetry_memory_bytes", .gauge, "Bytes that the store in memory holds, by kind.")
        let kinds = [
            ("samples", usage.sampleBytes), ("times", usage.timeBytes), ("series", usage.seriesBytes),
            ("tables", usage.tableBytes),
        ]
        for (kind, bytes) in kinds { out.appendMetricSample("telemetry_memory_bytes", ["kind": kind], bytes) }
        out.appendMetric("telemetry_memory_limit_bytes", .gauge, "MEMORY_LIMIT.", usage.limit ?? 0)
        out.appendMetric(
            "telemetry_memory_evicting", .gauge, "1 while MEMORY_LIMIT makes the oldest samples go.",
            usage.isEvicting ? 1 : 0)
        out.appendMetric(
            "telemetry_memory_evicted_samples_total", .counter, "Samples freed because of MEMORY_LIMIT.",
            usage.evictedSamples)
        out.appendMetric(
            "telemetry_memory_evicted_series_total", .counter,
            "Series that lost their last sample because of MEMORY_LIMIT.",
            usage.evictedSeries)
        out.appendMetric(
            "telemetry_memory_late_samples_total", .counter,
            "Samples not stored since they were older than what is kept.",
            usage.lateSamples)
        if let resident = ProcessMemory.residentBytes {
            out.appendMetric(
                "process_resident_memory_bytes", .gauge, "Resident memory of this process.", resident)
        }
        out.appendMetric(
            "telemetry_process_allocated_bytes", .gauge, "Bytes that this process has allocated and not freed.",
            ProcessMemory.allocatedBytes)
    }

    /// The member `memory` of the statistics.
    var statistics: (name: String, json: [UInt8]) {
        let usage = store.usage
        let json = """
            {"bytes":\(usage.byteCount),"limit":\(usage.limit ?? 0),"sample_bytes":\(usage.sampleBytes),"time_bytes":\(usage.timeBytes),\
            "series_bytes":\(usage.seriesBytes),"table_bytes":\(usage.tableBytes),"evicting":\(usage.isEvicting),\
            "evicted_samples":\(usage.evictedSamples),"evicted_series":\(usage.evictedSeries),"late_samples":\(usage.lateSamples)}
            """
        return ("memory", Array(json.utf8))
    }
}
