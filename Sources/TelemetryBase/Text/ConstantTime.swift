/// Compares in the same time wherever the secrets differ, so that the time reveals nothing about `expected` but its
/// length.
package func constantTimeEqual(_ given: [UInt8], _ expected: [UInt8]) -> Bool {
    guard !expected.isEmpty else { return given.isEmpty }
    var difference: UInt8 = given.count == expected.count ? 0 : 1
    for (index, byte) in given.enumerated() { difference |= byte ^ expected[index % expected.count] }
    return difference == 0
}
