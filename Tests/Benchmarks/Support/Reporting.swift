import Glibc

/// Ends the program with a message.
package func fail(_ message: String) -> Never {
    let line = Array("\(CommandLine.arguments[0]): \(message)\n".utf8)
    _ = write(2, line, line.count)
    exit(1)
}

/// Runs what must not fail in a benchmark.
package func must<T>(_ what: String, _ body: () throws -> T) -> T {
    do { return try body() } catch { fail("\(what): \(error)") }
}

/// Nanoseconds of the monotonic clock.
package func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Prints one line of JSON.
package func report(_ members: KeyValuePairs<String, Double>) {
    print("{" + members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}")
}
