#include "broker/api/topic_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace outbox::broker {
namespace {

using testing::HasSubstr;
using testing::Optional;

TEST(topic_settings, every_key_is_found_and_takes_its_own_default) {
    EXPECT_GE(topic_settings().size(), 20u);
    for (const topic_setting& setting : topic_settings()) {
        EXPECT_EQ(find_topic_setting(setting.key), &setting);
        EXPECT_EQ(refuse_topic_setting(setting.key, std::string(setting.value)), std::nullopt);
        EXPECT_FALSE(setting.documentation.empty());
    }
    EXPECT_EQ(find_topic_setting("zzz"), nullptr);
    EXPECT_EQ(find_topic_setting(""), nullptr);
}

TEST(topic_settings, defaults_are_those_of_this_broker) {
    const topic_config defaults{.flush_messages = 7, .retention_bytes = 99};
    EXPECT_EQ(default_text(*find_topic_setting("flush.messages"), defaults, 5), "7");
    EXPECT_EQ(default_text(*find_topic_setting("retention.bytes"), defaults, 5), "99");
    EXPECT_EQ(default_text(*find_topic_setting("max.message.bytes"), defaults, 5), "5");
    for (const topic_setting& setting : topic_settings())
        EXPECT_EQ(default_text(setting, topic_config{}, 1'048'588), setting.value) << setting.key;
}

TEST(topic_settings, an_unknown_key_is_refused_with_its_nearest_neighbour) {
    EXPECT_THAT(
        refuse_topic_setting("flush.mesages", "1"),
        Optional(HasSubstr("'flush.messages'"))
    );
    EXPECT_THAT(refuse_topic_setting("retention", "1"), Optional(HasSubstr("'retention.ms'")));
    EXPECT_THAT(
        refuse_topic_setting(std::string(100'000, 'a'), "1"),
        Optional(HasSubstr("unknown"))
    );
}

TEST(topic_settings, what_would_be_ignored_is_refused) {
    EXPECT_THAT(
        refuse_topic_setting("cleanup.policy", "compact"),
        Optional(HasSubstr("compaction"))
    );
    EXPECT_NE(refuse_topic_setting("min.insync.replicas", "2"), std::nullopt);
    EXPECT_NE(refuse_topic_setting("message.timestamp.type", "LogAppendTime"), std::nullopt);
    EXPECT_NE(refuse_topic_setting("max.message.bytes", "many"), std::nullopt);
    EXPECT_NE(refuse_topic_setting("max.message.bytes", "-1"), std::nullopt);
    EXPECT_NE(refuse_topic_setting("retention.ms", std::nullopt), std::nullopt);
}

} // namespace
} // namespace outbox::broker
