import TelemetryModels

/// The series that a reader has met, and how it finds them again. A value: what one reader has learnt of a file can be given to another.
struct LearntSeries: Sendable {
    /// Numbers of series by the bytes of a row's identity columns.
    var byKey = ByteKeyTable()
    /// `nil`: every row is taken apart.
    var predictor: RowPredictor?
    var strings = StringInterner()
    /// An index stays valid.
    private(set) var series: [MetricSeries] = []
    /// Of every series, the values that need no closer look.
    private(set) var soundRanges: [SoundRange] = []
    private var byContent: [MetricSeries: UInt32] = [:]

    /// Different bytes may say the same, such as labels with a comma behind the last.
    mutating func number(of new: MetricSeries) -> UInt32 {
        if let index = byContent[new] { return index }
        let index = UInt32(series.count)
        series.append(new)
        soundRanges.append(ValueRule(metricName: new.metricName).sound)
        byContent[new] = index
        return index
    }

    /// Rows will have other columns: their bytes say nothing of those before.
    mutating func forgetRows(columns: DCGMColumns) {
        byKey = ByteKeyTable()
        predictor = RowPredictor(columns: columns)
    }
}
