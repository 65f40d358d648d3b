import Glibc

// What libFuzzer calls. FUZZ_TARGET names the target.

private let target: FuzzTarget = {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        fatalError("FUZZ_TARGET is \"\(name)\"; known: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: " "))")
    }
    return target
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    if let failure = target.failure(Array(UnsafeBufferPointer(start: bytes, count: count))) {
        fatalError("\(target.rawValue): \(failure)")
    }
    return 0
}
