// swift-tools-version: 6.2
import PackageDescription

// Every warning in our own sources is an error, in every build, so that none can land.
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

let package = Package(
    name: "gpu-telemetry",
    products: [
        .library(name: "TelemetryKit", targets: ["TelemetryKit"]),
        .library(name: "TelemetryMQ", targets: ["TelemetryMQ"]),
        // Parts of the two above that are useful alone, each with the modules whose types its interface has.
        .library(name: "TelemetryMQClient", targets: ["TelemetryMQClient"]),
        .library(name: "TelemetryMQServer", targets: ["TelemetryMQLog", "TelemetryMQServer"]),
        .library(name: "TelemetryModels", targets: ["TelemetryModels"]),
        .library(name: "TelemetryReaders", targets: ["TelemetryModels", "TelemetryReaders"]),
        .library(name: "TelemetryStores", targets: ["TelemetryModels", "TelemetryStores"]),
        .library(
            name: "TelemetryDatabases",
            targets: ["TelemetryDatabases", "TelemetryModels", "TelemetryStores"]),
        .library(
            name: "TelemetryPipeline",
            targets: ["TelemetryModels", "TelemetryPipeline", "TelemetryReaders", "TelemetryStores"]),
        .library(
            name: "TelemetryScraping",
            targets: ["TelemetryModels", "TelemetryPipeline", "TelemetryReaders", "TelemetryScraping"]),
        .library(
            name: "TelemetryGateway",
            targets: ["TelemetryGateway", "TelemetryHealth", "TelemetryModels", "TelemetryPromQL", "TelemetryStores"]),
        .executable(name: "mq-server", targets: ["mq-server"]),
        .executable(name: "streamer", targets: ["streamer"]),
        .executable(name: "collector", targets: ["collector"]),
        .executable(name: "api", targets: ["api"]),
    ],
    targets: [
        // Module maps.
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl",
            providers: [.apt(["libcurl4-openssl-dev"]), .brew(["curl"])]),
        .systemLibrary(name: "CLinux"),

        // Fails to build on other systems, before anything that needs Linux does.
        .target(name: "LinuxRequired", swiftSettings: strict),

        // Ground floor: internal to the package, not products. Bytes, text, JSON and time; the calls of the system,
        // threads and event loops; an HTTP server.
        .target(name: "TelemetryBase", dependencies: ["CLinux", "LinuxRequired"], swiftSettings: strict),
        .target(name: "TelemetryIO", dependencies: ["CLinux", "TelemetryBase"], swiftSettings: strict),
        .target(name: "TelemetryHTTP", dependencies: ["TelemetryBase", "TelemetryIO"], swiftSettings: strict),

        // The two products. Neither imports the other.
        .target(
            name: "TelemetryMQProtocol", dependencies: ["CLinux", "TelemetryBase"],
            path: "Sources/TelemetryMQ/Protocol", swiftSettings: strict),
        .target(
            name: "TelemetryMQLog", dependencies: ["CLinux", "TelemetryMQProtocol", "TelemetryBase", "TelemetryIO"],
            path: "Sources/TelemetryMQ/Log", swiftSettings: strict),
        .target(
            name: "TelemetryMQServer",
            dependencies: ["TelemetryMQLog", "TelemetryMQProtocol", "TelemetryBase", "TelemetryHTTP", "TelemetryIO"],
            path: "Sources/TelemetryMQ/Server", swiftSettings: strict),
        .target(
            name: "TelemetryMQClient", dependencies: ["TelemetryMQProtocol", "TelemetryBase", "TelemetryIO"],
            path: "Sources/TelemetryMQ/Client", swiftSettings: strict),
        .target(
            name: "TelemetryMQ", dependencies: ["TelemetryMQClient", "TelemetryMQLog", "TelemetryMQServer"],
            path: "Sources/TelemetryMQ/Umbrella", swiftSettings: strict),
        .target(
            name: "TelemetryModels", dependencies: ["TelemetryBase"],
            path: "Sources/TelemetryKit/Models", swiftSettings: strict),
        .target(
            name: "TelemetryReaders", dependencies: ["TelemetryModels", "TelemetryBase", "TelemetryIO"],
            path: "Sources/TelemetryKit/Readers", swiftSettings: strict),
        .target(
            name: "TelemetryStores", dependencies: ["CLinux", "TelemetryModels", "TelemetryBase"],
            path: "Sources/TelemetryKit/Stores", swiftSettings: strict),
        .target(
            name: "TelemetryHealth", dependencies: ["TelemetryModels", "TelemetryStores", "TelemetryBase"],
            path: "Sources/TelemetryKit/Health", swiftSettings: strict),
        .target(
            name: "TelemetryHTTPClient", dependencies: ["CCurl", "TelemetryBase", "TelemetryIO"],
            path: "Sources/TelemetryKit/HTTPClient", swiftSettings: strict),
        .target(
            name: "TelemetryDatabases",
            dependencies: ["TelemetryHTTPClient", "TelemetryModels", "TelemetryStores", "TelemetryBase"],
            path: "Sources/TelemetryKit/Databases", swiftSettings: strict),
        .target(
            name: "TelemetryPipeline",
            dependencies: ["TelemetryModels", "TelemetryReaders", "TelemetryStores", "TelemetryBase", "TelemetryIO"],
            path: "Sources/TelemetryKit/Pipeline", swiftSettings: strict),
        .target(
            name: "TelemetryScraping",
            dependencies: [
                "TelemetryHTTPClient", "TelemetryModels", "TelemetryPipeline", "TelemetryReaders", "TelemetryBase",
            ],
            path: "Sources/TelemetryKit/Scraping", swiftSettings: strict),
        .target(
            name: "TelemetryPromQL", dependencies: ["TelemetryModels", "TelemetryStores", "TelemetryBase"],
            path: "Sources/TelemetryKit/PromQL", swiftSettings: strict),
        .target(
            name: "TelemetryGateway",
            dependencies: [
                "TelemetryHealth", "TelemetryModels", "TelemetryPromQL", "TelemetryStores", "TelemetryBase",
                "TelemetryHTTP", "TelemetryIO",
            ],
            path: "Sources/TelemetryKit/Gateway", resources: [.embedInCode("Dashboard")], swiftSettings: strict),
        .target(
            name: "TelemetryKit",
            dependencies: [
                "TelemetryDatabases", "TelemetryGateway", "TelemetryHealth", "TelemetryModels", "TelemetryPipeline",
                "TelemetryPromQL", "TelemetryReaders", "TelemetryScraping", "TelemetryStores",
            ],
            path: "Sources/TelemetryKit/Umbrella", swiftSettings: strict),

        // The reference daemons. They use public API only: Tests/Consumer builds them as a package of its own.
        .target(
            name: "ExampleSupport", dependencies: ["TelemetryMQClient", "TelemetryMQServer"],
            path: "Sources/Examples/Support", swiftSettings: strict),
        .target(
            name: "ExampleDatabases", dependencies: ["ExampleSupport", "TelemetryDatabases"],
            path: "Sources/Examples/Databases", swiftSettings: strict),
        .executableTarget(
            name: "mq-server",
            dependencies: ["ExampleSupport", "TelemetryMQClient", "TelemetryMQLog", "TelemetryMQServer"],
            path: "Sources/Examples/mq-server", swiftSettings: strict),
        .executableTarget(
            name: "streamer",
            dependencies: [
                "ExampleSupport", "TelemetryModels", "TelemetryMQClient", "TelemetryMQServer", "TelemetryPipeline",
                "TelemetryReaders", "TelemetryScraping",
            ],
            path: "Sources/Examples/streamer", swiftSettings: strict),
        .executableTarget(
            name: "collector",
            dependencies: [
                "ExampleDatabases", "ExampleSupport", "TelemetryDatabases", "TelemetryMQClient", "TelemetryMQServer",
                "TelemetryPipeline", "TelemetryStores",
            ],
            path: "Sources/Examples/collector", swiftSettings: strict),
        .executableTarget(
            name: "api",
            dependencies: [
                "ExampleDatabases", "ExampleSupport", "TelemetryDatabases", "TelemetryGateway", "TelemetryModels",
                "TelemetryMQClient", "TelemetryPipeline", "TelemetryStores",
            ],
            path: "Sources/Examples/api", swiftSettings: strict),

        // Load and bare loops for `make bench-mq` and `make bench-ingest`.
        .target(name: "BenchmarkSupport", path: "Tests/Benchmarks/Support", swiftSettings: strict),
        .executableTarget(
            name: "mq-bench", dependencies: ["BenchmarkSupport", "TelemetryBase", "TelemetryIO", "CLinux"],
            path: "Tests/Benchmarks/MQ", swiftSettings: strict),
        .executableTarget(
            name: "ingest-bench", dependencies: ["BenchmarkSupport", "TelemetryKit"], path: "Tests/Benchmarks/Ingest",
            swiftSettings: strict),

        // What the tests of several targets use; not a product.
        .target(name: "FaultSupport", path: "Tests/FaultSupport", swiftSettings: strict),
        .testTarget(
            name: "TelemetryBaseTests", dependencies: ["TelemetryBase", "FaultSupport"], swiftSettings: strict),
        .testTarget(
            name: "TelemetryIOTests", dependencies: ["TelemetryIO", "TelemetryBase", "FaultSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "TelemetryHTTPTests",
            dependencies: ["TelemetryHTTP", "TelemetryIO", "TelemetryBase", "FaultSupport"], swiftSettings: strict),
        .testTarget(
            name: "TelemetryMQTests",
            dependencies: [
                "TelemetryMQ", "TelemetryMQClient", "TelemetryMQLog", "TelemetryMQProtocol", "TelemetryMQServer",
                "TelemetryBase", "TelemetryIO", "CLinux", "FaultSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "TelemetryKitTests",
            dependencies: [
                "TelemetryKit", "TelemetryDatabases", "TelemetryGateway", "TelemetryHTTP", "TelemetryHTTPClient",
                "TelemetryHealth",
                "TelemetryModels", "TelemetryPipeline", "TelemetryPromQL", "TelemetryReaders", "TelemetryScraping",
                "TelemetryStores", "TelemetryBase", "FaultSupport",
            ],
            swiftSettings: strict),
        // What `make fuzz` runs, with the inputs that are kept.
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "TelemetryKit", "TelemetryMQ", "TelemetryMQProtocol", "TelemetryBase", "TelemetryHTTP", "TelemetryIO",
                "ExampleSupport", "CLinux",
            ],
            path: "Tests/Fuzz",
            exclude: ["Corpus", "Driver", "extremes.dict"],
            swiftSettings: strict),
        .testTarget(
            name: "ExampleSupportTests", dependencies: ["ExampleSupport", "FaultSupport"], swiftSettings: strict),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "ExampleSupport", "TelemetryMQ", "FaultSupport", "mq-server", "streamer", "collector", "api",
            ],
            // What the browser is told to do.
            exclude: ["Browser"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
