import TelemetryModels

/// The series that a reader has met, and how it finds them again. A value: it can be passed from one reader to another.
struct LearntSeries: Sendable {
    /// The indices of series, by the bytes of a row's identity columns.
    var byKey = ByteKeyTable()
    /// Predicts rows; `nil` if every row is parsed in full.
    var predictor: RowPredictor?
    var strings = StringInterner()
    /// An index stays valid.
    private(set) var series: [MetricSeries] = []
    /// For each series, the range of values that require no further checks.
    private(set) var soundRanges: [SoundRange] = []
    private var byContent: [MetricSeries: UInt32] = [:]

    /// Different bytes may mean the same, such as labels with or without a trailing comma.
    mutating func number(of new: MetricSeries) -> UInt32 {
        if let index = byContent[new] { return index }
        let index = UInt32(series.count)
        series.append(new)
        soundRanges.append(ValueRule(metricName: new.metricName).sound)
        byContent[new] = index
        return index
    }

    /// Rows will have other columns: their bytes are not comparable with those before.
    mutating func forgetRows(columns: DCGMColumns) {
        byKey = ByteKeyTable()
        predictor = RowPredictor(columns: columns)
    }
}
