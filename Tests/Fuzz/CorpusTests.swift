import Foundation
import Testing

/// Inputs that fuzzing has found worth keeping, and those that once failed.
@Suite("Fuzzing corpus")
struct CorpusTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")

    @Test("every input passes", arguments: FuzzTarget.allCases)
    func passes(target: FuzzTarget) async throws {
        let files = try FileManager.default.contentsOfDirectory(
            at: Self.corpus.appending(path: target.rawValue), includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files {
            let input = Array(try Data(contentsOf: file))
            // On a thread of its own: targets wait for servers, and two that wait would take all threads of a pool of two.
            let failure = await withCheckedContinuation { continuation in
                Thread { continuation.resume(returning: target.failure(input)) }.start()
            }
            // A null byte would end what is printed.
            #expect(failure?.replacing("\0", with: "\\0") == nil, "\(target.rawValue)/\(file.lastPathComponent)")
        }
    }

    @Test("every folder belongs to a target")
    func folders() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.corpus.path)
        #expect(Set(folders) == Set(FuzzTarget.allCases.map(\.rawValue)))
    }
}
