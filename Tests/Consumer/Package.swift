// swift-tools-version: 6.2

import PackageDescription

// A service that imports TelemetryMQ alone, as its users do: scripts/check-consumer.sh builds and runs it.
let package = Package(
    name: "Consumer",
    dependencies: [.package(name: "telemetry", path: "../..")],
    targets: [.executableTarget(name: "Consumer", dependencies: [.product(name: "TelemetryMQ", package: "telemetry")])]
)
