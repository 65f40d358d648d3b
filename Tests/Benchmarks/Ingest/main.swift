import BenchmarkSupport

// One measurement of reading CSV or of coding batches; scripts/bench-ingest.py puts them side by side.
let arguments = Arguments(CommandLine.arguments.dropFirst())

switch arguments.words.first {
case "walk": CSVBenchmark(path: arguments.string("file")).walk()
case "typed": CSVBenchmark(path: arguments.string("file")).typed(predicts: true)
case "typed-plain": CSVBenchmark(path: arguments.string("file")).typed(predicts: false)
case "generic": CSVBenchmark(path: arguments.string("file")).generic()
case "concurrent": await CSVBenchmark(path: arguments.string("file")).concurrent(workers: arguments.int("workers"))
case "codec":
    let benchmark = CodecBenchmark(path: arguments.string("file"), ticks: arguments.int("ticks"), varies: arguments.int("varies", default: 0) != 0)
    switch arguments.string("format") {
    case "columnar": benchmark.library(.columnar)
    case "plain": benchmark.library(.plain)
    case "foundation": benchmark.foundation()
    case let other: fail("--format: \(other) is not columnar, plain or foundation")
    }
default: fail("walk, typed, typed-plain, generic, concurrent or codec")
}
