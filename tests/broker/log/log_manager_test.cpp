#include "tests/broker/log/fixture.hpp"

#include "broker/log/checked_file.hpp"
#include "outbox/base/error.hpp"

#include <set>

namespace outbox::broker {
namespace {

struct log_manager_test : ::testing::Test, log_fixture {
    void SetUp() override { open(); }
};

TEST_F(log_manager_test, topics_survive_every_stop_with_their_ids_and_settings) {
    create("orders", {{"flush.messages", "100"}, {"some.other.key", "kept"}}, 4);
    create("payments");
    const auto before = logs->find_topic("orders");
    ASSERT_TRUE(before);
    EXPECT_EQ(before->partition_count, 4);
    EXPECT_FALSE(before->config.is_sync());
    for (int round = 0; round < 3; ++round) {
        if (round == 0)
            stop_cleanly();
        else if (round == 1)
            kill();
        else
            cut_power(unsynced::dropped);
        open();
        const auto after = logs->find_topic("orders");
        ASSERT_TRUE(after);
        EXPECT_EQ(after->id, before->id);
        EXPECT_EQ(after->overrides, before->overrides);
        EXPECT_EQ(after->partition_count, 4);
        EXPECT_EQ(logs->topics().size(), 2U);
        EXPECT_EQ(logs->leader_epoch(), 2 + round);
        EXPECT_TRUE(logs->recovery().quarantined.empty());
    }
}

TEST_F(log_manager_test, a_second_process_is_refused) {
    try {
        const log_manager second{*disk, time, random, options};
        FAIL();
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::conflict);
        EXPECT_NE(std::string{e.what()}.find("/data"), std::string::npos);
    }
    stop_cleanly();
    open();
}

TEST_F(log_manager_test, names_outside_the_rule_never_reach_the_disk) {
    const auto files = disk->files();
    for (const std::string& name :
         {std::string{},
          std::string{"."},
          std::string{".."},
          std::string{"a/b"},
          std::string{"../x"},
          std::string{"a b"},
          std::string{"a\0b", 3},
          std::string(250, 'x'),
          std::string{"\xc3\xa9"}})
        EXPECT_EQ(logs->create_topic(name, 1, {}), log_errc::invalid_topic_name) << name;
    EXPECT_EQ(disk->files(), files);
    create(std::string(249, 'x'));
    create("...");
    create("-");
    create("lock");
    create("topics-1");
    kill_and_open();
    EXPECT_EQ(logs->topics().size(), 5U);
}

TEST_F(log_manager_test, wrong_requests_are_told_apart) {
    create("t");
    EXPECT_EQ(logs->create_topic("t", 1, {}), log_errc::topic_exists);
    EXPECT_EQ(logs->create_topic("u", 0, {}), log_errc::invalid_partition_count);
    EXPECT_EQ(logs->create_topic("u", 10'001, {}), log_errc::invalid_partition_count);
    std::string key;
    EXPECT_EQ(
        logs->create_topic("u", 1, {{"segment.bytes", "many"}}, &key),
        log_errc::invalid_config
    );
    EXPECT_EQ(key, "segment.bytes");
    EXPECT_EQ(
        logs->create_topic("u", 1, {{"flush.messages", "0"}}, &key),
        log_errc::invalid_config
    );
    EXPECT_EQ(logs->check_create_topic("t", 1, {}), log_errc::topic_exists);
    EXPECT_FALSE(logs->check_create_topic("u", 1, {}));
    EXPECT_FALSE(logs->find_topic("u"));
    EXPECT_EQ(logs->delete_topic("u"), log_errc::unknown_topic);
    EXPECT_EQ(logs->add_partitions("t", 1), log_errc::invalid_partition_count);
    EXPECT_EQ(logs->find_partition("t", 1), nullptr);
    EXPECT_EQ(logs->find_partition("t", -1), nullptr);
}

TEST_F(log_manager_test, partitions_are_added_and_last) {
    create("t");
    acked("a");
    kill_and_open();
    ASSERT_FALSE(logs->add_partitions("t", 3));
    bytes batch = make_batch({});
    ASSERT_FALSE(log("t", 2)->append(batch).error);
    logs->flush_pending();
    cut_power(unsynced::dropped);
    open();
    EXPECT_EQ(logs->find_topic("t")->partition_count, 3);
    EXPECT_EQ(log("t", 2)->offsets().high_watermark, 1);
    EXPECT_EQ(values(), (std::vector<std::string>{"a"}));
}

TEST_F(log_manager_test, a_deleted_topic_is_gone_and_its_name_is_free) {
    create("t");
    acked("old");
    const auto old_id = logs->find_topic("t")->id;
    ASSERT_FALSE(logs->delete_topic("t"));
    EXPECT_FALSE(logs->find_topic("t"));
    create("t");
    EXPECT_NE(logs->find_topic("t")->id, old_id);
    EXPECT_TRUE(values().empty());
    EXPECT_EQ(acked("new"), 0);
    cut_power(unsynced::dropped);
    open();
    EXPECT_EQ(values(), (std::vector<std::string>{"new"}));
    ASSERT_FALSE(logs->delete_topic("t"));
    cut_power(unsynced::dropped);
    open();
    EXPECT_TRUE(logs->topics().empty());
    for (const std::string& file : disk->files())
        EXPECT_EQ(file.find("/data/t-"), std::string::npos) << file;
}

TEST_F(log_manager_test, a_topic_is_whole_or_not_there_wherever_its_creation_was_cut) {
    const auto first = disk->steps();
    create("t", {{"flush.ms", "5"}}, 3);
    ASSERT_FALSE(logs->delete_topic("t"));
    create("t", {}, 2);
    const auto count = disk->steps() - first;
    for (std::uint64_t at = 0; at <= count; ++at) {
        for (const auto what :
             {unsynced::dropped, unsynced::kept, unsynced::torn, unsynced::torn}) {
            log_fixture run;
            run.random = seeded_random{at};
            run.open();
            run.disk->cut_power_at(run.disk->steps() + at);
            const bool created = !run.logs->create_topic("t", 3, {{"flush.ms", "5"}});
            const bool deleted = created && !run.logs->delete_topic("t");
            const bool created_again = deleted && !run.logs->create_topic("t", 2, {});
            run.cut_power(what);
            ASSERT_NO_THROW(run.open()) << at;
            ASSERT_TRUE(run.logs->recovery().quarantined.empty()) << at;
            const auto topic = run.logs->find_topic("t");
            if (created_again) {
                ASSERT_TRUE(topic && topic->partition_count == 2) << at;
            } else if (created && !deleted && topic) {
                ASSERT_TRUE(topic->partition_count == 3) << at;
            }
            if (topic) {
                ASSERT_TRUE(run.values().empty());
                ASSERT_EQ(run.acked("a"), 0);
            } else {
                run.create("t");
                ASSERT_EQ(run.acked("a"), 0);
            }
            run.kill_and_open();
            ASSERT_EQ(run.values(), (std::vector<std::string>{"a"}));
        }
    }
}

TEST_F(log_manager_test, producer_ids_are_never_given_twice) {
    std::set<std::int64_t> seen;
    std::error_code ec;
    for (int round = 0; round < 9; ++round) {
        for (int i = 0; i < 700; ++i)
            ASSERT_TRUE(seen.insert(logs->next_producer_id(ec)).second);
        if (round % 3 == 0)
            stop_cleanly();
        else if (round % 3 == 1)
            kill();
        else
            cut_power(unsynced::dropped);
        open();
    }
    disk->fail_syncs("producer-ids", 1000);
    for (int i = 0; i < 2000 && !ec; ++i)
        logs->next_producer_id(ec);
    EXPECT_EQ(ec, log_errc::metadata_failed);
}

TEST_F(log_manager_test, damaged_metadata_stops_the_start_and_changes_nothing) {
    create("t");
    acked("a");
    kill();
    for (const std::string name : {"topics", "identity", "boot-epoch"}) {
        const std::string path = "/data/" + name;
        const bytes good = disk->content(path);
        for (std::size_t byte = 0; byte < good.size(); ++byte) {
            disk->flip_bit(path, byte, static_cast<int>(byte % 8));
            const auto files = disk->files();
            try {
                open();
                FAIL() << name << " byte " << byte;
            } catch (const error& e) {
                ASSERT_TRUE(
                    e.kind() == error_kind::corrupt || e.kind() == error_kind::schema_mismatch
                );
            }
            disk->set_content(path, good);
        }
    }
    open();
    EXPECT_EQ(values(), (std::vector<std::string>{"a"}));
    kill();
    std::error_code ec;
    disk->unlink("/data/identity", ec);
    EXPECT_THROW(open(), error);
}

TEST_F(log_manager_test, a_newer_format_is_refused_by_name) {
    create("t");
    kill();
    disk->set_content("/data/identity", checked_file_bytes("OBXIDENT", 2, "body"));
    try {
        open();
        FAIL();
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::schema_mismatch);
    }
}

TEST_F(log_manager_test, a_directory_of_nobody_is_set_aside_not_deleted) {
    kill();
    std::error_code ec;
    disk->make_directory("/data/foreign-0", ec);
    disk->set_content("/data/foreign-0/precious", "data");
    open();
    bool found = false;
    for (const std::string& file : disk->files())
        found = found || file.ends_with("-stray/precious");
    EXPECT_TRUE(found);
    create("foreign");
    EXPECT_EQ(acked("a", "foreign"), 0);
}

} // namespace
} // namespace outbox::broker
