// swift-tools-version: 6.2

import PackageDescription

// For each library product a program that depends on it alone; scripts/check-consumer.sh builds and runs them.
// `Consumer` is the example of the guide. The reference programs are built as a user would build a copy of them: from
// the products, in a package in which only public API is visible.
let products = [
    "TelemetryKit", "TelemetryModels", "TelemetryReaders", "TelemetryStores", "TelemetryDatabases",
    "TelemetryPipeline", "TelemetryScraping", "TelemetryGateway", "TelemetryMQClient", "TelemetryMQServer",
]

func product(_ name: String) -> Target.Dependency { .product(name: name, package: "telemetry") }

func program(_ name: String, using library: String) -> Target {
    .executableTarget(name: name, dependencies: [product(library)])
}

/// `Programs` is a copy of Sources/Examples, made by the script, under other module names: those of a package and of
/// what it depends on must differ.
func example(_ name: String, using parts: [Target.Dependency]) -> Target {
    .executableTarget(name: "copied-\(name)", dependencies: ["CopiedSupport"] + parts, path: "Programs/\(name)")
}

let package = Package(
    name: "Consumer",
    dependencies: [.package(name: "telemetry", path: "../..")],
    targets: [program("Consumer", using: "TelemetryMQ")] + products.map { program("Use\($0)", using: $0) } + [
        .target(
            name: "CopiedSupport", dependencies: [product("TelemetryMQClient"), product("TelemetryMQServer")],
            path: "Programs/Support"),
        .target(
            name: "CopiedDatabases", dependencies: ["CopiedSupport", product("TelemetryDatabases")],
            path: "Programs/Databases"),
        example("mq-server", using: []),
        example("streamer", using: [product("TelemetryScraping")]),
        example("collector", using: ["CopiedDatabases", product("TelemetryPipeline")]),
        example("api", using: ["CopiedDatabases", product("TelemetryGateway"), product("TelemetryPipeline")]),
    ]
)
