import TelemetryScraping

do {
    try ScrapeSource.Configuration(url: "ftp://node1/metrics", source: "node1").check()
    fatalError("ftp is accepted")
} catch {
    print(error)
}
