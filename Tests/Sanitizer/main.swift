import Glibc

// Proves that the sanitizer sees: with `race` two threads count without a lock, else with one.
nonisolated(unsafe) var bare = 0
let locked = Mutex(0)
let races = CommandLine.arguments.contains("race")

func count() {
    for _ in 0..<1000 {
        if races { bare += 1 } else { locked.withLock { $0 += 1 } }
    }
}

var other = pthread_t()
pthread_create(
    &other, nil,
    { _ in
        count()
        return nil
    }, nil)
count()
pthread_join(other, nil)
