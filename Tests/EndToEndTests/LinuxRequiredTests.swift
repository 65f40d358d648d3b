import Foundation
import Testing

@Suite("Linux is required")
struct LinuxRequiredTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
        .path

    /// Runs a tool of the toolchain that runs the tests.
    private func run(_ stage: Stage, _ arguments: [String]) async throws -> (code: Int32, child: ChildProcess) {
        let child = try stage.start(
            arguments[0], executable: "/usr/bin/env", arguments: arguments,
            environment: ProcessInfo.processInfo.environment)
        return (await child.endedOrKilled(within: .seconds(120)), child)
    }

    @Test("compiled for another system, the module stops with one error that says what to do; for Linux with none")
    func oneError() async throws {
        try await Stage.run { stage in
            func compile(for target: String) async throws -> (code: Int32, child: ChildProcess) {
                try await run(
                    stage,
                    [
                        "swiftc", "-frontend", "-typecheck", "-parse-stdlib", "-target", target,
                        "\(Self.root)/Sources/LinuxRequired/LinuxRequired.swift",
                    ])
            }
            let other = try await compile(for: "arm64-apple-macosx14.0")
            #expect(other.code == 1)
            let errors = other.child.errors.split(separator: "\n").filter {
                $0.contains("error: ") && !$0.contains("`-")
            }
            #expect(errors.count == 1, "\(other.child.errors)")
            #expect(errors.first?.contains(".when(platforms: [.linux])") == true)
            #expect(try await compile(for: "x86_64-unknown-linux-gnu").code == 0)
        }
    }

    /// A target that does not would report its own errors next to that one.
    @Test("every target that uses the system builds after that module")
    func everyTargetDependsOnIt() async throws {
        struct Package: Decodable {
            struct Target: Decodable {
                var name: String
                var type: String
                var dependencies: [[String: [String?]]]
            }
            var targets: [Target]
        }
        try await Stage.run { stage in
            let dump = try await run(
                stage,
                [
                    "swift", "package", "--package-path", Self.root, "--scratch-path", stage.path("scratch"),
                    "dump-package",
                ])
            try #require(dump.code == 0, "\(dump.child.errors)")
            let targets = try JSONDecoder().decode(Package.self, from: Data(dump.child.output.utf8)).targets
            let dependencies = Dictionary(
                uniqueKeysWithValues: targets.map { target in
                    (target.name, target.dependencies.flatMap { $0.values.compactMap { $0.first ?? nil } })
                })
            func needsLinux(_ name: String) -> Bool {
                name == "LinuxRequired" || dependencies[name, default: []].contains(where: needsLinux)
            }
            // Of the libraries and programs; the others are only built here.
            let products = targets.filter {
                ["regular", "executable"].contains($0.type) && !$0.name.hasPrefix("Benchmark")
                    && $0.name != "FaultSupport"
            }
            #expect(products.count > 6)
            for target in products {
                #expect(needsLinux(target.name), "\(target.name) does not depend on LinuxRequired")
            }
        }
    }
}
