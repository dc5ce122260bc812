#include "watchdog/config.hpp"

#include "harness/temp_dir.hpp"
#include "outbox/base/error.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace outbox::watchdog {
namespace {

using namespace std::chrono_literals;

class watchdog_config : public ::testing::Test {
protected:
    harness::temp_dir folder;

    config read(const std::string& text) {
        std::ofstream{folder / "w.toml"} << text;
        return read_config(folder / "w.toml");
    }
    std::string refusal(const std::string& text) {
        try {
            read(text);
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::invalid_argument);
            return e.what();
        }
        ADD_FAILURE() << "accepted:\n" << text;
        return {};
    }

    const std::string target = "[[target]]\nname = \"k\"\nbrokers = \"h:1\"\n";
    const std::string database =
        "[[database]]\nname = \"shop\"\nurl = \"sqlite:x\"\ntarget = \"k\"\n";
};

TEST_F(watchdog_config, the_smallest_one_has_good_defaults) {
    const config c = read(target + database);
    ASSERT_EQ(c.databases.size(), 1U);
    EXPECT_EQ(c.databases[0].timing.lease, 10s);
    EXPECT_EQ(c.databases[0].timing.lease_renewal, 3s);
    EXPECT_EQ(c.targets[0].kind, "kafka");
    EXPECT_FALSE(c.name.empty());
    EXPECT_FALSE(c.databases[0].numbered);
}

TEST_F(watchdog_config, everything_can_be_said) {
    const config c = read(
        "[watchdog]\nname = \"w\"\nlog_level = \"debug\"\n" + target +
        "[target.properties]\n\"linger.ms\" = \"1\"\n" + database +
        "doorbell = \"udp:127.0.0.1:7000\"\nlease = \"30s\"\nlease_renewal = \"5s\"\npoll_longest "
        "= \"2s\"\n"
        "batch_messages = 100\nbatch_bytes = \"1MiB\"\nnumbered = true\n"
    );
    EXPECT_EQ(c.name, "w");
    EXPECT_EQ(c.targets[0].properties.at("linger.ms"), "1");
    EXPECT_EQ(c.databases[0].timing.lease, 30s);
    EXPECT_EQ(c.databases[0].slice.bytes_max, 1U << 20U);
    EXPECT_EQ(c.databases[0].slice.message_count_max, 100U);
    EXPECT_TRUE(c.databases[0].numbered);
}

TEST_F(watchdog_config, an_unknown_key_is_answered_with_its_nearest_neighbour) {
    const std::string text = refusal(target + database + "lese = \"3s\"\n");
    EXPECT_NE(text.find("'lese'"), std::string::npos) << text;
    EXPECT_NE(text.find("'lease'"), std::string::npos) << text;
    EXPECT_NE(text.find(":8"), std::string::npos) << "the line: " << text;
}

TEST_F(watchdog_config, refuses_what_could_not_work) {
    refusal(database);
    refusal(target);
    refusal(target + "[[database]]\nname = \"shop\"\nurl = \"sqlite:x\"\ntarget = \"other\"\n");
    refusal(target + "[[database]]\nname = \"shop\"\ntarget = \"k\"\n");
    refusal(target + database + "lease = \"3s\"\nlease_renewal = \"2s\"\n");
    EXPECT_NE(refusal(target + target + database).find("'name'"), std::string::npos);
    refusal("[[target]]\nname = \"k\"\nkind = \"carrier-pigeon\"\nbrokers = \"h:1\"\n" + database);
}

TEST_F(watchdog_config, an_outbox_may_have_a_name_under_either_word) {
    EXPECT_TRUE(read(target + database).databases[0].outbox.is_usual());
    EXPECT_EQ(
        read(target + database + "schema = \"billing\"\n").databases[0].outbox.text(),
        "billing"
    );
    EXPECT_EQ(
        read(target + database + "prefix = \"billing\"\n").databases[0].outbox.text(),
        "billing"
    );
    refusal(target + database + "schema = \"a\"\nprefix = \"a\"\n");
    refusal(target + database + "schema = \"\"\n");
    const std::string text = refusal(target + database + "prefix = \"x; drop table orders\"\n");
    EXPECT_NE(text.find("is no name for an outbox"), std::string::npos) << text;
    EXPECT_NE(text.find(":8"), std::string::npos) << "the line: " << text;
}

TEST_F(watchdog_config, a_priority_needs_something_to_be_first_at) {
    const std::string bounded = target + "waves_at_once = 1\n";
    EXPECT_EQ(read(bounded + database + "priority = 9\n").databases[0].priority, 9);
    EXPECT_EQ(read(bounded + database).targets[0].waves_at_once, 1);
    const std::string text = refusal(target + database + "priority = 9\n");
    EXPECT_NE(text.find("waves_at_once"), std::string::npos) << text;
    refusal(bounded + database + "priority = 10\n");
    refusal(bounded + database + "priority = -1\n");
}

TEST_F(watchdog_config, what_is_applied_is_kept_as_long_as_a_message_can_come_again) {
    EXPECT_FALSE(read(target + database).databases[0].applied);
    const config c =
        read(target + database + "applied_kept = \"30d\"\nredelivery_horizon = \"9d\"\n");
    EXPECT_EQ(c.databases[0].applied->keep(), 30 * 24h);
    const std::string text =
        refusal(target + database + "applied_kept = \"8d\"\nredelivery_horizon = \"9d\"\n");
    EXPECT_NE(text.find("'applied_kept'"), std::string::npos) << text;
    EXPECT_NE(text.find("can come again"), std::string::npos) << text;
    refusal(target + database + "applied_kept = \"30d\"\n");
    refusal(target + database + "redelivery_horizon = \"9d\"\n");
}

TEST_F(watchdog_config, a_url_may_stand_in_a_file_of_its_own) {
    std::ofstream{folder / "url"} << "sqlite:secret\n";
    const std::string file = (folder / "url").string();
    const config c = read(
        target + "[[database]]\nname = \"shop\"\nurl_file = \"" + file + "\"\ntarget = \"k\"\n"
    );
    EXPECT_EQ(c.databases[0].url, "sqlite:secret");
}

} // namespace
} // namespace outbox::watchdog
