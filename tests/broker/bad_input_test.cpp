#include "tests/broker/broker_fixture.hpp"

#include "harness/wait_until.hpp"
#include "outbox/base/log.hpp"
#include "outbox/base/random.hpp"
#include "wire/limits.hpp"

#include <gmock/gmock.h>

#include <mutex>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using wire::error_code;

std::mutex lines_mutex;
std::string lines;

/// What the broker has logged, over all tests of this file.
std::string logged() {
    const std::lock_guard lock(lines_mutex);
    return lines;
}

class bad_input : public test::broker_fixture {
protected:
    static void SetUpTestSuite() {
        set_log_sink([](log_level, std::string_view, std::string_view text) {
            const std::lock_guard lock(lines_mutex);
            lines += std::string(text) + "\n";
        });
    }
    static void TearDownTestSuite() { set_log_sink({}); }

    void SetUp() override {
        {
            const std::lock_guard lock(lines_mutex);
            lines.clear();
        }
        broker_fixture::SetUp();
        make_topic("orders");
        neighbour_.emplace(connect());
        neighbour_->send(fetch_of("orders", 0, 0, 60'000), 11);
    }
    void TearDown() override {
        // Whatever happened: the neighbour's fetch still waits, and is answered when there is
        // something.
        auto writer = connect();
        EXPECT_EQ(
            row(writer.ask(produce_of("orders", 0, batch_of({"x"})), 7)).error,
            error_code::none
        );
        EXPECT_EQ(row(neighbour_->receive_as<wire::fetch_api>(11)).high_watermark, 1);
        broker_fixture::TearDown();
    }
    void expect_refused(bytes_view stream, const std::string& why) {
        auto client = connect();
        client.send_raw(stream);
        EXPECT_TRUE(client.closed_within(10s)) << why;
        EXPECT_THAT(logged(), HasSubstr(why));
    }

    std::optional<test::raw_client> neighbour_;
};

bytes frame(std::int32_t length, bytes_view content) {
    bytes out;
    wire::writer w(out);
    w.int32(length);
    w.raw(content);
    return out;
}

TEST_F(bad_input, a_frame_above_the_limit_is_refused_before_it_is_read) {
    expect_refused(
        frame(0x7fffffff, bytes("\0\0\0\7", 4)),
        "larger than the limit (its length field says 2147483647 bytes)"
    );
}

TEST_F(bad_input, what_has_no_reason_to_be_large_may_not_be) {
    expect_refused(
        frame(wire::small_frame_bytes_max + 1, bytes("\0\3\0\1", 4)),
        "larger than the limit"
    );
}

TEST_F(bad_input, a_negative_or_tiny_length_is_refused) {
    expect_refused(frame(-1, ""), "too small");
    expect_refused(frame(3, "abc"), "too small");
}

TEST_F(bad_input, other_protocols_are_refused) {
    expect_refused("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "larger than the limit");
    expect_refused(
        bytes("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
        "larger than the limit"
    );
}

TEST_F(bad_input, an_unknown_api_is_refused_by_its_number) {
    expect_refused(frame(10, bytes("\x27\x0f\0\0\0\0\0\1\xff\xff", 10)), "API key 9999");
}

TEST_F(bad_input, an_unsupported_version_is_refused_with_those_that_are) {
    expect_refused(
        frame(10, bytes("\0\1\0\x63\0\0\0\1\xff\xff\0", 11).substr(0, 10)),
        "API key 1 v99"
    );
    expect_refused(
        frame(11, bytes("\0\1\0\x63\0\0\0\1\xff\xff\0", 11)),
        "Fetch v99 is not supported; v4 to v12 are"
    );
}

TEST_F(bad_input, a_garbled_body_is_refused_with_its_place) {
    expect_refused(
        frame(14, bytes("\0\3\0\1\0\0\0\1\xff\xff\x7f\xff\xff\xff", 14)),
        "garbled Metadata v1: an array announces more elements than its bytes can hold, in the "
        "field 'topics', at byte 4"
    );
    expect_refused(
        frame(15, bytes("\0\3\0\1\0\0\0\1\xff\xff\0\0\0\0!", 15)),
        "bytes are left over"
    );
}

TEST_F(bad_input, acks_0_with_a_refused_batch_ends_the_connection) {
    auto client = connect();
    bytes bad = batch_of({"x"});
    bad.back() = 'y';
    client.send(produce_of("orders", 1, bad, 0), 7);
    EXPECT_TRUE(client.closed_within(10s));
    EXPECT_THAT(logged(), HasSubstr("orders-1 with acks=0 was refused: the checksum is wrong"));
}

TEST_F(bad_input, noise_never_hurts_anybody_else) {
    seeded_random random(8);
    for (int i = 0; i < 200; ++i) {
        auto client = connect();
        bytes message(random.below(200), '\0');
        for (char& c : message)
            c = static_cast<char>(random.below(2) == 0 ? random.next() : random.below(4));
        if (i % 2 == 0 && message.size() > 4) {
            message[0] = 0;
            message[1] = static_cast<char>(random.below(24));
            message[2] = 0;
            message[3] = static_cast<char>(random.below(8));
        }
        // A topic deletion or a record by chance is not noise but work: 16 bytes of it are too
        // unlikely to care.
        try {
            client.send_frame(message);
        } catch (const std::system_error&) {
        }
    }
}

TEST_F(bad_input, a_promise_of_many_bytes_costs_nothing_and_harms_nobody) {
    std::vector<test::raw_client> liars;
    for (int i = 0; i < 50; ++i) {
        liars.push_back(connect());
        liars.back().send_raw(frame(wire::frame_bytes_max, bytes("\0\0\0\7", 4)));
    }
    auto client = connect();
    EXPECT_EQ(client.ask(wire::api_versions_request{}, 0)->error, error_code::none);
}

TEST_F(bad_input, clients_that_leave_while_they_wait_are_forgotten) {
    for (int i = 0; i < 50; ++i) {
        auto client = connect();
        client.send(fetch_of("orders", 0, 0, 60'000), 11);
    }
}

TEST_F(bad_input, a_client_that_never_reads_stops_being_read) {
    auto writer = connect();
    const bytes big = batch_of({bytes(900'000, 'x')});
    ASSERT_EQ(row(writer.ask(produce_of("orders", 2, big), 7)).error, error_code::none);
    // 200 answers of 0.9 MB would be 180 MB in memory; the pipeline stops far below.
    auto greedy = connect();
    for (int i = 0; i < 200; ++i)
        greedy.send(fetch_of("orders", 2, 0), 11);
    EXPECT_EQ(writer.ask(wire::api_versions_request{}, 0)->error, error_code::none);
    for (int i = 0; i < 200; ++i)
        EXPECT_EQ(row(greedy.receive_as<wire::fetch_api>(11)).records->size(), big.size());
}

TEST(connection_limit, one_too_many_is_closed_and_the_others_stay) {
    harness::temp_dir dir;
    test::test_disk disk;
    server_options options;
    options.listen_port = 0;
    options.log.directory = (dir / "data").string();
    options.connection_count_max = 2;
    test::running_broker broker(disk, options);
    test::raw_client a(broker.port());
    a.ask(wire::api_versions_request{}, 0);
    auto b = std::make_unique<test::raw_client>(broker.port());
    b->ask(wire::api_versions_request{}, 0);
    test::raw_client c(broker.port());
    EXPECT_TRUE(c.closed_within(10s));
    EXPECT_EQ(a.ask(wire::api_versions_request{}, 0)->error, error_code::none);
    b.reset();
    harness::wait_until(
        [&] {
            try {
                return test::raw_client(broker.port())
                           .ask(wire::api_versions_request{}, 0)
                           ->error == error_code::none;
            } catch (const std::exception&) {
                return false;
            }
        },
        10s,
        "the place of the one who left"
    );
}

} // namespace
} // namespace outbox::broker
