import Testing

@testable import TelemetryPipeline

@Suite("Shards")
struct ShardTests {
    @Test("a shard is written 2/4, and its hash is the same everywhere")
    func shardText() {
        #expect(Shard("2/4")?.description == "2/4")
        for text in ["", "1", "0/4", "5/4", "-1/4", "1/0", "1/4/2", "a/b", "1 /4"] {
            #expect(Shard(text) == nil, "\(text)")
        }
        // Published test vectors of FNV-1a.
        #expect(Shard.hash("") == 0xCBF2_9CE4_8422_2325)
        #expect(Shard.hash("a") == 0xAF63_DC4C_8601_EC8C)
        #expect(Shard.hash("foobar") == 0x8594_4171_F739_67E8)
    }
}
