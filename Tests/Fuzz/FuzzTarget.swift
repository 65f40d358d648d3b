/// What can be fuzzed. A target takes any bytes and says what is wrong with what the library makes of them.
///
/// `make fuzz` looks for such bytes; those in `Corpus` are tried by every `make test`, so an input that was found becomes a test by being
/// put there. A target is a function of its input alone: it keeps nothing and reads no clock.
enum FuzzTarget: String, CaseIterable, Sendable {
    case csv
    case rfc4180
    case labels
    case batch
    case batchRoundTrip = "batch-roundtrip"
    case numbers
    case timestamp
    case prometheus
    case promql
    case regex
    case http
    case frames
    case journal
    case index
    case producers
    case segment
    case client
    case database
    case gateway
    case options

    /// `nil`: all is well.
    func failure(_ input: [UInt8]) -> String? {
        switch self {
        case .csv: CSVTarget.failure(input)
        case .rfc4180: RFC4180Target.failure(input)
        case .labels: LabelsTarget.failure(input)
        case .batch: BatchTarget.failure(input)
        case .batchRoundTrip: BatchRoundTripTarget.failure(input)
        case .numbers: NumbersTarget.failure(input)
        case .timestamp: TimestampTarget.failure(input)
        case .prometheus: PrometheusTarget.failure(input)
        case .promql: PromQLTarget.failure(input)
        case .regex: RegexTarget.failure(input)
        case .http: HTTPTarget.failure(input)
        case .frames: FramesTarget.failure(input)
        case .journal: LogFileTarget.failure(input, .journal)
        case .index: LogFileTarget.failure(input, .index)
        case .producers: LogFileTarget.failure(input, .producers)
        case .segment: LogFileTarget.failure(input, .segment)
        case .client: ClientTarget.failure(input)
        case .database: DatabaseTarget.failure(input)
        case .gateway: GatewayTarget.failure(input)
        case .options: OptionsTarget.failure(input)
        }
    }
}
