#include "tests/target/kafka/cluster_exam.hpp"

#include "harness/wait_until.hpp"

#include <array>
#include <set>

namespace outbox::kafka {
namespace {

using namespace std::chrono_literals;
using harness::proxied;
using harness::tcp_proxy;
using harness::wait_until;
using ::testing::HasSubstr;

std::map<std::size_t, delivery_outcome> wait_for_all(target& to, std::size_t count) {
    std::map<std::size_t, delivery_outcome> all;
    wait_until(
        [&] {
            std::vector<delivery_outcome> news;
            to.await(100ms, news);
            for (auto& outcome : news) {
                EXPECT_FALSE(all.contains(outcome.index)) << "answered twice: " << outcome.index;
                all.emplace(outcome.index, std::move(outcome));
            }
            return all.size() >= count;
        },
        60s,
        "an answer for every message of the wave"
    );
    return all;
}

std::map<std::size_t, delivery_outcome> deliver_all(target& to, const mailbag& bag) {
    to.deliver(bag.wave());
    return wait_for_all(to, bag.size());
}

std::size_t count_of(const std::map<std::size_t, delivery_outcome>& outcomes, fate wanted) {
    return static_cast<std::size_t>(std::count_if(
        outcomes.begin(),
        outcomes.end(),
        [&](const auto& each) { return each.second.fate == wanted; }
    ));
}

using by_key = std::map<std::string, std::vector<std::string>>;

by_key values_by_key(const std::vector<record>& records) {
    by_key values;
    for (const auto& each : records)
        values[each.key.value_or("")].push_back(each.value);
    return values;
}

void create_topic(
    const std::string& brokers,
    const std::string& name,
    const std::map<std::string, std::string>& with
) {
    std::array<char, 512> words{};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), words.data(), words.size());
    rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words.data(), words.size());
    ASSERT_NE(client, nullptr) << words.data();
    rd_kafka_NewTopic_t* topic =
        rd_kafka_NewTopic_new(name.c_str(), 1, 1, words.data(), words.size());
    for (const auto& [key, value] : with)
        rd_kafka_NewTopic_set_config(topic, key.c_str(), value.c_str());
    rd_kafka_queue_t* queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, &topic, 1, nullptr, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
    ASSERT_NE(event, nullptr) << "CreateTopics was not answered";
    std::size_t count = 0;
    const auto* const* results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    ASSERT_EQ(count, 1U) << rd_kafka_event_error_string(event);
    ASSERT_EQ(rd_kafka_topic_result_error(results[0]), RD_KAFKA_RESP_ERR_NO_ERROR)
        << rd_kafka_topic_result_error_string(results[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_destroy(client);
}

TEST(cluster_exam, bytes_come_back_as_they_were) {
    kafka_target target{{.brokers = the_cluster().brokers()}};
    mailbag bag;
    std::string all_bytes;
    for (int i = 0; i < 256; ++i)
        all_bytes += static_cast<char>(i);
    bag.add(
        "exam.bytes",
        all_bytes,
        all_bytes + all_bytes,
        {{"outbox-tag", "vip"}, {"x", all_bytes}, {"x", ""}}
    );
    bag.add("exam.bytes", "large", std::string(900'000, 'L'));
    bag.add("exam.bytes", std::nullopt, "");
    ASSERT_EQ(count_of(deliver_all(target, bag), fate::delivered), 3U);
    const auto records = read_topic(the_cluster().brokers(), "exam.bytes");
    ASSERT_EQ(records.size(), 3U);
    for (const auto& each : records) {
        const auto sent =
            std::find_if(bag.wave().begin(), bag.wave().end(), [&](const auto* message) {
                return message->content.key == each.key;
            });
        ASSERT_NE(sent, bag.wave().end());
        EXPECT_EQ(each.value, (*sent)->content.payload);
        const auto row_time = (*sent)->created_at.time_since_epoch();
        EXPECT_EQ(
            each.timestamp_ms,
            std::chrono::duration_cast<std::chrono::milliseconds>(row_time).count()
        );
        std::vector<std::pair<std::string, std::string>> headers{
            {"outbox-id", (*sent)->content.id.text()}};
        for (const auto& [name, value] : decode_headers((*sent)->content.headers))
            headers.emplace_back(name, value);
        EXPECT_EQ(each.headers, headers);
    }
}

TEST(cluster_exam, codecs_make_no_difference) {
    for (const auto& [codec, name] :
         std::initializer_list<std::pair<kafka_compression, std::string>>{
             {kafka_compression::none, "none"},
             {kafka_compression::gzip, "gzip"},
             {kafka_compression::snappy, "snappy"},
             {kafka_compression::lz4, "lz4"},
             {kafka_compression::zstd, "zstd"},
         }) {
        kafka_target target{{.brokers = the_cluster().brokers(), .compression = codec}};
        mailbag bag;
        by_key sent;
        for (int i = 0; i < 300; ++i) {
            const auto key = "k" + std::to_string(i % 7);
            bag.add("exam.codec." + name, key, "payload " + std::to_string(i));
            sent[key].push_back("payload " + std::to_string(i));
        }
        ASSERT_EQ(count_of(deliver_all(target, bag), fate::delivered), 300U) << name;
        EXPECT_EQ(values_by_key(read_topic(the_cluster().brokers(), "exam.codec." + name)), sent)
            << name;
    }
}

TEST(cluster_exam, twenty_waves_keep_the_order_of_each_key) {
    kafka_target target{{.brokers = the_cluster().brokers()}};
    by_key sent;
    int number = 0;
    for (int wave = 0; wave < 20; ++wave) {
        mailbag bag;
        for (int i = 0; i < 2'000; ++i, ++number) {
            const auto key = "k" + std::to_string(number % 101);
            bag.add("exam.order", key, std::to_string(number));
            sent[key].push_back(std::to_string(number));
        }
        ASSERT_EQ(count_of(deliver_all(target, bag), fate::delivered), 2'000U);
    }
    EXPECT_EQ(values_by_key(read_topic(the_cluster().brokers(), "exam.order")), sent);
}

TEST(cluster_exam, lost_answers_make_no_copies) {
    tcp_proxy proxy{the_cluster().port(), proxied::kafka};
    kafka_target target{{.brokers = "127.0.0.1:" + std::to_string(proxy.port())}};
    by_key sent;
    int number = 0;
    const auto fill = [&](mailbag& bag, int count) {
        for (int i = 0; i < count; ++i, ++number) {
            const auto key = "k" + std::to_string(number % 3);
            bag.add("exam.lost_answers", key, std::to_string(number));
            sent[key].push_back(std::to_string(number));
        }
    };
    mailbag first;
    fill(first, 10);
    ASSERT_EQ(count_of(deliver_all(target, first), fate::delivered), 10U);
    for (int round = 0; round < 5; ++round) {
        const auto before = proxy.lost_bytes();
        proxy.lose_answers(true);
        mailbag bag;
        fill(bag, 500);
        target.deliver(bag.wave());
        wait_until([&] { return proxy.lost_bytes() > before; }, 30s, "an answer to be lost");
        proxy.lose_answers(false);
        proxy.cut();
        ASSERT_EQ(count_of(wait_for_all(target, bag.size()), fate::delivered), 500U);
    }
    EXPECT_EQ(values_by_key(read_topic(the_cluster().brokers(), "exam.lost_answers")), sent);
}

TEST(cluster_exam, connections_that_break_all_the_time_cost_neither_order_nor_copies) {
    tcp_proxy proxy{the_cluster().port(), proxied::kafka};
    kafka_target target{{.brokers = "127.0.0.1:" + std::to_string(proxy.port())}};
    by_key sent;
    int number = 0;
    for (int wave = 0; wave < 12; ++wave) {
        mailbag bag;
        for (int i = 0; i < 400; ++i, ++number) {
            const auto key = "k" + std::to_string(number % 11);
            bag.add("exam.cuts", key, std::to_string(number));
            sent[key].push_back(std::to_string(number));
        }
        target.deliver(bag.wave());
        std::vector<delivery_outcome> news;
        target.await(std::chrono::milliseconds{wave % 4}, news);
        proxy.cut();
        const auto rest = wait_for_all(target, bag.size() - news.size());
        ASSERT_EQ(count_of(rest, fate::delivered) + news.size(), 400U);
    }
    EXPECT_EQ(values_by_key(read_topic(the_cluster().brokers(), "exam.cuts")), sent);
}

TEST(cluster_exam, message_that_the_topic_does_not_take_is_found_among_the_innocent) {
    create_topic(the_cluster().brokers(), "exam.poison", {{"max.message.bytes", "20000"}});
    kafka_target target{{.brokers = the_cluster().brokers()}};
    mailbag bag;
    for (int i = 0; i < 60; ++i)
        bag.add(
            "exam.poison",
            "k" + std::to_string(i % 6),
            i == 31 ? std::string(30'000, 'x') : std::to_string(i) + std::string(300, '.')
        );
    bag.add("exam.bystander", "z", "1");
    const auto outcomes = deliver_all(target, bag);
    for (const auto& [position, outcome] : outcomes) {
        if (position == 31) {
            EXPECT_EQ(outcome.fate, fate::rejected);
            EXPECT_THAT(outcome.reason, HasSubstr("too large"));
        } else if (position > 31 && position < 60 && position % 6 == 31 % 6) {
            EXPECT_EQ(outcome.fate, fate::unavailable) << position;
            EXPECT_THAT(outcome.reason, HasSubstr("behind a rejected message"));
        } else
            EXPECT_EQ(outcome.fate, fate::delivered) << position << ": " << outcome.reason;
    }
    by_key expected;
    for (int i = 0; i < 60; ++i) {
        if (i < 31 || i % 6 != 31 % 6)
            expected["k" + std::to_string(i % 6)].push_back(
                std::to_string(i) + std::string(300, '.')
            );
    }
    EXPECT_EQ(values_by_key(read_topic(the_cluster().brokers(), "exam.poison")), expected);
}

TEST(cluster_exam, killed_and_started_server_gets_the_wave_in_order) {
    kafka_target target{{.brokers = the_cluster().brokers(), .wave_timeout = 60s}};
    by_key sent;
    mailbag before;
    before.add("exam.killed", "k", "before");
    sent["k"].push_back("before");
    ASSERT_EQ(count_of(deliver_all(target, before), fate::delivered), 1U);
    the_cluster().kill();
    mailbag bag;
    for (int i = 0; i < 1'000; ++i) {
        bag.add("exam.killed", "k", std::to_string(i));
        sent["k"].push_back(std::to_string(i));
    }
    target.deliver(bag.wave());
    std::vector<delivery_outcome> news;
    target.await(200ms, news);
    EXPECT_TRUE(news.empty());
    the_cluster().start();
    EXPECT_EQ(count_of(wait_for_all(target, 1'000), fate::delivered), 1'000U);
    EXPECT_EQ(values_by_key(read_topic(the_cluster().brokers(), "exam.killed")), sent);
}

TEST(cluster_exam, killed_in_the_middle_of_a_wave_nothing_is_lost_or_overtaken) {
    kafka_target target{{.brokers = the_cluster().brokers(), .wave_timeout = 60s}};
    std::vector<std::string> sent;
    for (int wave = 0; wave < 3; ++wave) {
        mailbag bag;
        for (int i = 0; i < 3'000; ++i) {
            sent.push_back(std::to_string(wave * 3'000 + i));
            bag.add("exam.middle", "k", sent.back());
        }
        target.deliver(bag.wave());
        std::vector<delivery_outcome> news;
        if (wave == 1) {
            target.await(1ms, news);
            the_cluster().kill();
            the_cluster().start();
        }
        const auto rest = wait_for_all(target, bag.size() - news.size());
        ASSERT_EQ(count_of(rest, fate::delivered) + news.size(), 3'000U);
    }
    // A broker that died between writing and answering may have forgotten what it had from whom;
    // copies are allowed then, and nothing else.
    std::vector<std::string> seen;
    std::set<std::string> known;
    for (const auto& each : read_topic(the_cluster().brokers(), "exam.middle")) {
        if (known.insert(each.value).second)
            seen.push_back(each.value);
    }
    EXPECT_EQ(seen, sent);
}

} // namespace
} // namespace outbox::kafka
