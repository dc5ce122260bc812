// The target against librdkafka's own mock cluster: everything that a real broker does too seldom.

#include "outbox/target/kafka/kafka_target.hpp"

#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "tests/target/kafka/messages.hpp"
#include "tests/target/kafka/record_reader.hpp"

#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <map>
#include <string>
#include <thread>

namespace outbox::kafka {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr std::int16_t produce_key = 0;
constexpr std::int16_t init_producer_id_key = 22;

class mock_cluster {
public:
    mock_cluster() {
        std::array<char, 512> words{};
        rd_kafka_conf_t* conf = rd_kafka_conf_new();
        rd_kafka_conf_set(conf, "bootstrap.servers", "127.0.0.1:9", words.data(), words.size());
        rd_kafka_conf_set(conf, "log_level", "0", words.data(), words.size());
        client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words.data(), words.size());
        cluster_ = rd_kafka_mock_cluster_new(client_, 1);
    }
    ~mock_cluster() {
        rd_kafka_mock_cluster_destroy(cluster_);
        rd_kafka_destroy(client_);
    }
    mock_cluster(const mock_cluster&) = delete;
    mock_cluster& operator=(const mock_cluster&) = delete;

    std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
    void create(const std::string& topic, int partitions) {
        rd_kafka_mock_topic_create(cluster_, topic.c_str(), partitions, 1);
    }
    void fail_next(std::int16_t request, const std::vector<rd_kafka_resp_err_t>& codes) {
        rd_kafka_mock_push_request_errors_array(cluster_, request, codes.size(), codes.data());
    }
    void fail_topic(const std::string& topic, rd_kafka_resp_err_t code) {
        rd_kafka_mock_topic_set_error(cluster_, topic.c_str(), code);
    }
    void answer_after(std::chrono::milliseconds delay) {
        rd_kafka_mock_broker_set_rtt(cluster_, 1, static_cast<int>(delay.count()));
    }
    void down() { rd_kafka_mock_broker_set_down(cluster_, 1); }
    void up() { rd_kafka_mock_broker_set_up(cluster_, 1); }

private:
    rd_kafka_t* client_ = nullptr;
    rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

std::map<std::size_t, delivery_outcome>
wait_for_all(target& to, std::size_t count, std::chrono::milliseconds within = 60s) {
    const auto end = std::chrono::steady_clock::now() + within;
    std::map<std::size_t, delivery_outcome> all;
    std::vector<delivery_outcome> news;
    while (all.size() < count && std::chrono::steady_clock::now() < end) {
        news.clear();
        to.await(200ms, news);
        for (auto& outcome : news) {
            EXPECT_FALSE(all.contains(outcome.index)) << "answered twice: " << outcome.index;
            all.emplace(outcome.index, std::move(outcome));
        }
    }
    EXPECT_EQ(all.size(), count);
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

std::map<std::string, std::vector<std::string>> values_by_key(const std::vector<record>& records) {
    std::map<std::string, std::vector<std::string>> values;
    for (const auto& each : records)
        values[each.key.value_or("")].push_back(each.value);
    return values;
}

TEST(kafka_target, record_has_key_payload_headers_id_and_the_time_of_the_row) {
    mock_cluster cluster;
    kafka_target target{{.brokers = cluster.brokers()}};
    mailbag bag;
    const std::string odd_bytes{"\0\xff{}\n", 5};
    bag.add(
        "orders",
        "order-1",
        odd_bytes,
        {{"outbox-tag", "vip"}, {"outbox-tag", "eu"}, {"empty", ""}}
    );
    bag.add("orders", std::nullopt, "");
    const auto outcomes = deliver_all(target, bag);
    EXPECT_EQ(count_of(outcomes, fate::delivered), 2U);
    const auto records = read_topic(cluster.brokers(), "orders");
    ASSERT_EQ(records.size(), 2U);
    const auto& keyed = records[0].key ? records[0] : records[1];
    const auto& bare = records[0].key ? records[1] : records[0];
    EXPECT_EQ(keyed.key, "order-1");
    EXPECT_EQ(keyed.value, odd_bytes);
    const auto row_time = bag[0].created_at.time_since_epoch();
    EXPECT_EQ(
        keyed.timestamp_ms,
        std::chrono::duration_cast<std::chrono::milliseconds>(row_time).count()
    );
    EXPECT_THAT(
        keyed.headers,
        ::testing::ElementsAre(
            std::pair{"outbox-id", bag[0].content.id.text()},
            std::pair{"outbox-tag", "vip"},
            std::pair{"outbox-tag", "eu"},
            std::pair{"empty", ""}
        )
    );
    EXPECT_FALSE(bare.key);
    EXPECT_EQ(bare.value, "");
    EXPECT_THAT(
        bare.headers,
        ::testing::ElementsAre(std::pair{"outbox-id", bag[1].content.id.text()})
    );
}

TEST(kafka_target, keys_are_spread_as_kafkas_java_clients_spread_them) {
    // murmur2(key) & 0x7fffffff, modulo 4, computed with Kafka's own Utils.murmur2 test vectors:
    // "21" -> -973932308, "foobar" -> -790332482, "a-little-bit-long-string" -> -985981536
    mock_cluster cluster;
    cluster.create("spread", 4);
    kafka_target target{{.brokers = cluster.brokers()}};
    const std::map<std::string, int> expected{
        {"21", (-973932308 & 0x7fffffff) % 4},
        {"foobar", (-790332482 & 0x7fffffff) % 4},
        {"a-little-bit-long-string", (-985981536 & 0x7fffffff) % 4},
    };
    mailbag bag;
    for (const auto& [key, partition] : expected)
        bag.add("spread", key, "");
    deliver_all(target, bag);
    for (const auto& each : read_topic(cluster.brokers(), "spread"))
        EXPECT_EQ(each.partition, expected.at(*each.key)) << *each.key;
}

TEST(kafka_target, wave_of_five_thousand_arrives_in_order_of_each_key) {
    mock_cluster cluster;
    kafka_target target{{.brokers = cluster.brokers()}};
    mailbag bag;
    std::map<std::string, std::vector<std::string>> sent;
    for (int i = 0; i < 5'000; ++i) {
        const auto key = "k" + std::to_string(i % 37);
        bag.add("orders", key, std::to_string(i));
        sent[key].push_back(std::to_string(i));
    }
    EXPECT_EQ(count_of(deliver_all(target, bag), fate::delivered), 5'000U);
    EXPECT_EQ(values_by_key(read_topic(cluster.brokers(), "orders")), sent);
}

// The mock takes a request behind one that it refused, where a broker says
// OUT_OF_ORDER_SEQUENCE_NUMBER. With one request in flight it never gets the chance.
const std::map<std::string, std::string> one_in_flight{
    {"max.in.flight.requests.per.connection", "1"}};

TEST(kafka_target, transient_errors_of_the_broker_are_retried_inside_the_wave) {
    mock_cluster cluster;
    kafka_target target{{.brokers = cluster.brokers(), .properties = one_in_flight}};
    mailbag first;
    first.add("orders", "k", "0");
    deliver_all(target, first);
    cluster.fail_next(
        produce_key,
        {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
         RD_KAFKA_RESP_ERR__TRANSPORT,
         RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS}
    );
    mailbag bag;
    for (int i = 1; i < 50; ++i)
        bag.add("orders", "k", std::to_string(i));
    EXPECT_EQ(count_of(deliver_all(target, bag), fate::delivered), 49U);
    const auto values = values_by_key(read_topic(cluster.brokers(), "orders"))["k"];
    ASSERT_EQ(values.size(), 50U);
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(values[static_cast<std::size_t>(i)], std::to_string(i));
}

// Here and below: what must happen soon is waited for until the test's own time is over.

TEST(kafka_target, absent_broker_makes_the_wave_unavailable_when_its_time_is_over) {
    kafka_target target{{.brokers = "127.0.0.1:9", .wave_timeout = 700ms}};
    mailbag bag;
    bag.add("orders", "k", "0");
    const auto outcomes = deliver_all(target, bag);
    EXPECT_EQ(outcomes.at(0).fate, fate::unavailable);
    EXPECT_THAT(outcomes.at(0).reason, HasSubstr("700 ms"));
    EXPECT_THAT(outcomes.at(0).reason, HasSubstr("127.0.0.1:9"));
}

TEST(kafka_target, broker_that_comes_back_within_the_time_gets_the_wave) {
    mock_cluster cluster;
    kafka_target target{{.brokers = cluster.brokers()}};
    mailbag first;
    first.add("orders", "k", "0");
    deliver_all(target, first);
    cluster.down();
    mailbag bag;
    bag.add("orders", "k", "1");
    bag.add("orders", "k", "2");
    target.deliver(bag.wave());
    std::vector<delivery_outcome> outcomes;
    target.await(300ms, outcomes);
    EXPECT_TRUE(outcomes.empty());
    cluster.up();
    EXPECT_EQ(count_of(wait_for_all(target, 2), fate::delivered), 2U);
}

TEST(kafka_target, wave_after_a_failed_one_is_taken_again_from_its_first_message) {
    mock_cluster cluster;
    kafka_target target{{.brokers = cluster.brokers(), .wave_timeout = 500ms}};
    mailbag first;
    first.add("orders", "k", "0");
    deliver_all(target, first);
    cluster.down();
    mailbag bag;
    for (int i = 1; i < 20; ++i)
        bag.add("orders", "k", std::to_string(i));
    EXPECT_EQ(count_of(deliver_all(target, bag), fate::unavailable), 19U);
    cluster.up();
    std::map<std::size_t, delivery_outcome> outcomes;
    for (int attempt = 0; attempt < 20 && count_of(outcomes, fate::delivered) < 19; ++attempt)
        outcomes = deliver_all(target, bag);
    EXPECT_EQ(count_of(outcomes, fate::delivered), 19U);
    const auto values = values_by_key(read_topic(cluster.brokers(), "orders"))["k"];
    ASSERT_EQ(values.size(), 20U);
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(values[static_cast<std::size_t>(i)], std::to_string(i));
}

TEST(kafka_target, cancelled_wave_is_answered_at_once_and_nothing_of_it_follows) {
    mock_cluster cluster;
    kafka_target target{{.brokers = cluster.brokers()}};
    mailbag first;
    first.add("orders", "k", "before");
    deliver_all(target, first);
    cluster.down();
    mailbag bag;
    for (int i = 0; i < 100; ++i)
        bag.add("orders", "k", std::to_string(i));
    target.deliver(bag.wave());
    std::vector<delivery_outcome> outcomes;
    target.await(100ms, outcomes);
    ASSERT_TRUE(outcomes.empty());
    target.cancel();
    target.await(1h, outcomes);
    ASSERT_EQ(outcomes.size(), 100U);
    for (const auto& outcome : outcomes)
        EXPECT_EQ(outcome.fate, fate::unavailable);
    cluster.up();
    mailbag after;
    after.add("orders", "k", "after");
    EXPECT_EQ(count_of(deliver_all(target, after), fate::delivered), 1U);
    EXPECT_THAT(
        values_by_key(read_topic(cluster.brokers(), "orders"))["k"],
        ::testing::ElementsAre("before", "after")
    );
}

TEST(kafka_target, messages_that_cannot_be_sent_are_rejected_and_hold_back_only_their_key) {
    mock_cluster cluster;
    kafka_target target{{.brokers = cluster.brokers(), .message_bytes_max = 1'000}};
    mailbag bag;
    bag.add("orders", "size", "0");
    bag.add("orders", "size", std::string(1'001, 'x'));
    bag.add("orders", "size", "2");
    bag.add("not a topic", "name", "3");
    bag.add("orders", "name", "4");
    bag.add("orders", "bytes", "5").content.headers = "\x07nonsense";
    bag.add("orders", "bytes", "6");
    bag.add("orders", "good", "7");
    bag.add("orders", std::nullopt, std::string(1'001, 'x'));
    bag.add("orders", std::nullopt, "9");
    const auto outcomes = deliver_all(target, bag);
    const auto is = [&](std::size_t position, fate wanted, const std::string& why) {
        EXPECT_EQ(outcomes.at(position).fate, wanted) << position;
        EXPECT_THAT(outcomes.at(position).reason, HasSubstr(why));
    };
    is(0, fate::delivered, "");
    is(1, fate::rejected, "1005 bytes; this target takes 1000");
    is(2, fate::unavailable, "behind a rejected message of its key");
    is(3, fate::rejected, "\"not a topic\" is not a topic name");
    is(4, fate::unavailable, "behind");
    is(5, fate::rejected, "");
    is(6, fate::unavailable, "behind");
    is(7, fate::delivered, "");
    is(8, fate::rejected, "1001 bytes");
    is(9, fate::delivered, "");
    EXPECT_EQ(read_topic(cluster.brokers(), "orders").size(), 3U);
}

TEST(kafka_target, topic_that_refuses_everything_does_not_stop_the_others) {
    mock_cluster cluster;
    cluster.create("good", 1);
    cluster.fail_topic("bad", RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION);
    kafka_target target{{.brokers = cluster.brokers()}};
    mailbag bag;
    bag.add("bad", "k", "0");
    bag.add("good", "k", "1");
    bag.add("good", "other", "2");
    const auto outcomes = deliver_all(target, bag);
    EXPECT_EQ(outcomes.at(0).fate, fate::rejected);
    EXPECT_THAT(outcomes.at(0).reason, HasSubstr("Invalid topic"));
    EXPECT_EQ(outcomes.at(1).fate, fate::unavailable);
    EXPECT_EQ(outcomes.at(2).fate, fate::delivered);
}

TEST(kafka_target, right_that_is_taken_away_rejects_and_a_new_producer_goes_on) {
    mock_cluster cluster;
    cluster.create("orders", 1);
    kafka_target target{{.brokers = cluster.brokers()}};
    cluster.fail_next(produce_key, {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
    mailbag bag;
    bag.add("orders", "k", "0");
    const auto outcome = deliver_all(target, bag).at(0);
    EXPECT_EQ(outcome.fate, fate::rejected);
    EXPECT_THAT(outcome.reason, HasSubstr("authorization"));
    EXPECT_EQ(deliver_all(target, bag).at(0).fate, fate::delivered);
}

TEST(kafka_target, refused_batch_of_innocents_arrives_whole_and_in_order) {
    mock_cluster cluster;
    cluster.create("orders", 1);
    kafka_target target{{.brokers = cluster.brokers(), .properties = one_in_flight}};
    mailbag first;
    first.add("orders", "k", "0");
    deliver_all(target, first);
    cluster.fail_next(produce_key, {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
    mailbag bag;
    for (int i = 1; i < 30; ++i)
        bag.add("orders", "k", std::to_string(i));
    EXPECT_EQ(count_of(deliver_all(target, bag), fate::delivered), 29U);
    const auto values = values_by_key(read_topic(cluster.brokers(), "orders"))["k"];
    ASSERT_EQ(values.size(), 30U);
    for (int i = 0; i < 30; ++i)
        EXPECT_EQ(values[static_cast<std::size_t>(i)], std::to_string(i));
}

TEST(kafka_target, producer_that_the_cluster_refuses_is_an_outage) {
    mock_cluster cluster;
    cluster.create("orders", 1);
    cluster.fail_next(init_producer_id_key, {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED});
    kafka_target target{{.brokers = cluster.brokers(), .wave_timeout = 3s}};
    mailbag bag;
    bag.add("orders", "k", "0");
    EXPECT_EQ(deliver_all(target, bag).at(0).fate, fate::unavailable);
    EXPECT_EQ(deliver_all(target, bag).at(0).fate, fate::delivered); // a new producer asked again
}

TEST(kafka_target, late_answers_count_when_they_come) {
    mock_cluster cluster;
    kafka_target target{{.brokers = cluster.brokers()}};
    cluster.answer_after(2s);
    mailbag bag;
    bag.add("orders", "k", "0");
    target.deliver(bag.wave());
    std::vector<delivery_outcome> outcomes;
    target.await(10ms, outcomes);
    EXPECT_TRUE(outcomes.empty());
    EXPECT_EQ(count_of(wait_for_all(target, 1), fate::delivered), 1U);
}

bool is_asleep(pid_t thread) {
    std::ifstream status{"/proc/self/task/" + std::to_string(thread) + "/stat"};
    std::string text;
    std::getline(status, text);
    return text.find(") S ") != std::string::npos;
}

TEST(kafka_target, wake_ends_a_wait_with_and_without_a_wave) {
    kafka_target target{{.brokers = "127.0.0.1:9"}};
    mailbag bag;
    bag.add("orders", "k", "0");
    std::vector<delivery_outcome> outcomes;
    for (const bool with_wave : {false, true}) {
        if (with_wave)
            target.deliver(bag.wave());
        std::thread other{[&, waiting = ::gettid()] {
            harness::wait_until([&] { return is_asleep(waiting); }, 60s, "the wait to begin");
            target.wake();
        }};
        target.await(1h, outcomes);
        other.join();
        EXPECT_TRUE(outcomes.empty());
        target.wake(); // before the wait: not lost
        target.await(1h, outcomes);
        EXPECT_TRUE(outcomes.empty());
    }
}

TEST(kafka_target, ends_soon_while_a_wave_is_on_its_way_to_nobody) {
    mailbag bag;
    for (int i = 0; i < 1'000; ++i)
        bag.add("orders", "k", std::to_string(i));
    kafka_target target{{.brokers = "127.0.0.1:9", .wave_timeout = 1h}};
    target.deliver(bag.wave());
} // and here it ends

TEST(kafka_target, wrong_properties_are_refused_in_librdkafkas_words) {
    const auto words_of = [](std::map<std::string, std::string> properties) -> std::string {
        try {
            const kafka_target target{{.properties = std::move(properties)}};
            return "accepted";
        } catch (const error& refusal) {
            EXPECT_EQ(refusal.kind(), error_kind::invalid_argument);
            return refusal.what();
        }
    };
    EXPECT_THAT(
        words_of({{"lingr.ms", "1"}}),
        HasSubstr("No such configuration property: \"lingr.ms\"")
    );
    EXPECT_THAT(words_of({{"linger.ms", "soon"}}), HasSubstr("Invalid value"));
    EXPECT_THAT(words_of({{"acks", "0"}}), HasSubstr("acks is our own"));
    EXPECT_EQ(words_of({{"linger.ms", "1"}}), "accepted");
}

} // namespace
} // namespace outbox::kafka
