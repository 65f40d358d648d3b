/// A reference that any thread may hold but only one event loop's thread may dereference.
///
/// Sound because the only way to the value checks the thread, in release builds too.
package struct LoopBound<Value: AnyObject>: @unchecked Sendable {
    private let loop: EventLoop
    private let object: Value

    package init(_ object: Value, to loop: EventLoop) {
        self.loop = loop
        self.object = object
    }

    package var value: Value {
        loop.checkIsolated()
        return object
    }
}
