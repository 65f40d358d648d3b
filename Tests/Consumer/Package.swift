// swift-tools-version: 6.2

import PackageDescription

// For each library product a program that depends on it alone; scripts/check-consumer.sh builds and runs them.
// `Consumer` is the example of the guide.
let products = [
    "TelemetryKit", "TelemetryModels", "TelemetryReaders", "TelemetryStores", "TelemetryDatabases",
    "TelemetryPipeline", "TelemetryScraping", "TelemetryGateway", "TelemetryMQClient", "TelemetryMQServer",
]

func program(_ name: String, using product: String) -> Target {
    .executableTarget(name: name, dependencies: [.product(name: product, package: "telemetry")])
}

let package = Package(
    name: "Consumer",
    dependencies: [.package(name: "telemetry", path: "../..")],
    targets: [program("Consumer", using: "TelemetryMQ")] + products.map { program("Use\($0)", using: $0) }
)
