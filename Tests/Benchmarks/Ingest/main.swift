import BenchmarkSupport

// One measurement of reading CSV, of coding batches, of the stages of the pipeline or of the memory store; scripts/bench.py
// compares them.
let arguments = Arguments(CommandLine.arguments.dropFirst())

switch arguments.words.first {
case "walk": CSVBenchmark(path: arguments.string("file")).walk()
case "typed": CSVBenchmark(path: arguments.string("file")).typed(predicts: true)
case "typed-plain": CSVBenchmark(path: arguments.string("file")).typed(predicts: false)
case "generic": CSVBenchmark(path: arguments.string("file")).generic()
case "concurrent": await CSVBenchmark(path: arguments.string("file")).concurrent(workers: arguments.int("workers"))
case "stages": await StageBenchmark(path: arguments.string("file")).run()
case "store":
    guard let jitter = Fleet.Jitter(rawValue: arguments.string("jitter")) else {
        fail("--jitter is not none, scrape or sample")
    }
    await StoreBenchmark(
        samples: arguments.int("samples", default: 10_000_000), interval: arguments.int("interval", default: 1),
        jitter: jitter,
        repeats: arguments.int("repeats", default: 200), rate: arguments.int("rate", default: 1_000_000)
    ).run()
case "codec":
    let benchmark = CodecBenchmark(
        path: arguments.string("file"), ticks: arguments.int("ticks"), varies: arguments.int("varies", default: 0) != 0)
    switch arguments.string("format") {
    case "columnar": benchmark.library(.columnar)
    case "plain": benchmark.library(.plain)
    case "foundation": benchmark.foundation()
    case let other: fail("--format: \(other) is not columnar, plain or foundation")
    }
default: fail("walk, typed, typed-plain, generic, concurrent, stages, store or codec")
}
