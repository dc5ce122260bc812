// Golden bytes: what the files in a data directory look like. If one of these tests fails, data
// written by an older broker is misread: change format::data_version and read both.

#include "tests/broker/log/fixture.hpp"

#include "broker/log/durable_offsets.hpp"
#include "broker/log/format.hpp"
#include "broker/log/segment.hpp"
#include "broker/log/topic_registry.hpp"
#include "outbox/base/hex.hpp"

namespace outbox::broker {
namespace {

/// A directory in which nothing is left to chance: one topic, two batches, a clean stop.
struct golden {
    log_fixture at;
    golden() {
        at.open();
        at.create("orders", {{"flush.messages", "1"}, {"index.interval.bytes", "0"}});
        std::error_code ec;
        (void)at.logs->next_producer_id(ec);
        at.append(batch_of{.values = {"a", "b"}, .timestamp_ms = 1'800'000'000'000}, "orders");
        at.append(
            batch_of{
                .values = {"c"},
                .timestamp_ms = 1'800'000'000'001,
                .producer_id = 7,
                .producer_epoch = 2,
                .base_sequence = 5,
            },
            "orders"
        );
        at.logs->flush_pending();
        EXPECT_FALSE(at.logs->close());
    }
    std::string hex(const std::string& name) const {
        return to_hex(at.disk->content("/data/" + name));
    }
};

TEST(format, the_names_of_all_files) {
    const golden directory;
    EXPECT_EQ(
        directory.at.disk->files(),
        (std::vector<std::string>{
            "/data/boot-epoch",
            "/data/clean-shutdown",
            "/data/durable-offsets",
            "/data/identity",
            "/data/leader-epochs",
            "/data/lock",
            "/data/orders-0/00000000000000000000.index",
            "/data/orders-0/00000000000000000000.log",
            "/data/orders-0/00000000000000000000.timeindex",
            "/data/orders-0/00000000000000000003.producers",
            "/data/producer-ids",
            "/data/topics",
        })
    );
}

TEST(format, segment_and_indexes) {
    const golden directory;
    EXPECT_EQ(
        directory.hex("orders-0/00000000000000000000.log"),
        "000000000000000000000041000000010266fd514f000000000001000001a3185c500000"
        "0001a3185c5000ffffffffffffffffffffffffffff000000020e000000010261000e0000"
        "020102620000000000000000020000003900000001027a09acce000000000000000001a3"
        "185c5001000001a3185c50010000000000000007000200000005000000010e0000000102"
        "6300"
    );
    EXPECT_EQ(directory.hex("orders-0/00000000000000000000.index"), "000000020000004d");
    EXPECT_EQ(directory.hex("orders-0/00000000000000000000.timeindex"), "000001a3185c500100000002");
}

TEST(format, small_files) {
    const golden directory;
    EXPECT_EQ(directory.hex("boot-epoch"), "4f4258424f4f54450000000146525e2500000001");
    EXPECT_EQ(directory.hex("clean-shutdown"), "4f4258434c45414e0000000146525e2500000001");
    EXPECT_EQ(
        directory.hex("identity"),
        "4f42584944454e5400000001813c70c100000016426e654c35416c316f57682d414b6f37"
        "6a7875494763"
    );
    EXPECT_EQ(directory.hex("producer-ids"), "4f425850524944530000000182503b5900000000000003e8");
    EXPECT_EQ(directory.hex("leader-epochs"), "4f425845504f434800000001b439dd2600000000");
    EXPECT_EQ(
        directory.hex("topics"),
        "4f4258544f504943000000011823955700000001000000066f7264657273cd8f54d10efd"
        "417eac06f33e6310841f000000000100000001000000020000000e666c7573682e6d6573"
        "7361676573000000013100000014696e6465782e696e74657276616c2e62797465730000"
        "000130"
    );
    EXPECT_EQ(
        directory.hex("orders-0/00000000000000000003.producers"),
        "4f425850524f4455000000017ab75acc0000000100000000000000070002010000000500"
        "00000500000000000000020000000000000002"
    );
    EXPECT_EQ(
        directory.hex("durable-offsets"),
        "4f42585700000000cd8f54d10efd417eac06f33e6310841f000000000000000000000000"
        "00000000000000020000000000000000000000000000000094a1e2954f42585700000000"
        "cd8f54d10efd417eac06f33e6310841f0000000000000003000000000000000000000003"
        "00000000000000000000000000000000d6c51554"
    );
}

TEST(format, names_of_segments) {
    EXPECT_EQ(segment_file_name(0, ".log"), "00000000000000000000.log");
    EXPECT_EQ(segment_file_name(9'223'372'036'854'775'807, ".index"), "09223372036854775807.index");
    EXPECT_EQ(parse_segment_file_name("00000000000000000042.log", ".log"), 42);
    for (const char* wrong :
         {"42.log",
          "0000000000000000004x.log",
          "00000000000000000042.logx",
          "-0000000000000000042.log",
          "99999999999999999999.log",
          ".log"})
        EXPECT_FALSE(parse_segment_file_name(wrong, ".log")) << wrong;
}

TEST(format, names_of_partition_directories) {
    EXPECT_EQ(partition_directory_name("a-1", 2), "a-1-2");
    EXPECT_EQ(parse_partition_directory_name("a-1-2"), (topic_partition{"a-1", 2}));
    for (const char* wrong : {"a", "a-", "-", "-1", "a-01", "a--1x", "a-b", "..-x", "a b-1"})
        EXPECT_FALSE(parse_partition_directory_name(wrong)) << wrong;
}

TEST(format, a_directory_of_this_version_opens) {
    golden directory;
    directory.at.logs.reset();
    directory.at.open();
    EXPECT_TRUE(directory.at.logs->recovery().clean);
    EXPECT_EQ(directory.at.values("orders"), (std::vector<std::string>{"a", "b", "c"}));
}

} // namespace
} // namespace outbox::broker
