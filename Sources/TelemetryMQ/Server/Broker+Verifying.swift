import TelemetryIO
import TelemetryMQLog

/// Reads whole segments before anything in them is delivered.
extension Broker {
    /// Reads a segment that was opened by its index, before anything in it is delivered; then the subscribers continue.
    func verify(_ segment: Segment) {
        guard !segment.isVerified, verifying.insert(segment.baseOffset).inserted else { return }
        let verifier: SerialThread
        do {
            verifier = try verifyThread ?? SerialThread(name: "mq-verify")
        } catch {
            verifying.remove(segment.baseOffset)
            return report(.storageFailure("verify \(segment.path): \(error)"))
        }
        verifyThread = verifier
        let file: any LogFile
        do {
            file = try segment.openFile()
        } catch {
            verifying.remove(segment.baseOffset)
            // If it was removed, the subscriber continues with the oldest segment; otherwise it tries again within a
            // second.
            if !log.hasDropped(segment) { reportReadFailure(segment, error) }
            loop.schedule(after: .seconds(1)) { [weak self] in self?.pumpSoon() }
            return
        }
        let (bound, target) = (LoopBound(self, to: loop), LoopBound(segment, to: loop))
        let (index, loop) = (segment.indexFile, loop)
        verifier.execute {
            let (marks, damage) = SegmentRecovery.verify(file, index)
            loop.execute { bound.value.verified(target.value, marks, damage) }
        }
    }

    private func verified(_ segment: Segment, _ marks: [SegmentIndex.Mark], _ damage: Segment.Damage?) {
        verifying.remove(segment.baseOffset)
        segment.verified(marks: marks, damage: damage)
        if let damage {
            report(
                .storageFailure(
                    "\(LogError.corrupt(path: segment.path, position: damage.position, offset: damage.offset, reason: damage.reason))"
                ))
        }
        pumpSoon()
    }
}
