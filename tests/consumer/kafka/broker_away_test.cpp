// A broker that is killed under its members, and one that is not there yet.

#include "harness/wait_until.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/log.hpp"
#include "tests/consumer/kafka/exam_parts.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <set>

namespace outbox::kafka {
namespace {

using namespace std::chrono_literals;
using harness::wait_until;

std::size_t count_different(std::initializer_list<const member*> members) {
    std::set<std::string> all;
    for (const auto* each : members) {
        const auto seen = each->payloads();
        all.insert(seen.begin(), seen.end());
    }
    return all.size();
}

/// The broker is gone for as long as this lives.
class outage {
public:
    outage() { the_cluster().kill(); }
    ~outage() { end(); }
    outage(const outage&) = delete;
    outage& operator=(const outage&) = delete;
    void end() {
        if (!std::exchange(over_, true))
            the_cluster().start();
    }

private:
    bool over_ = false;
};

TEST(broker_away, members_outlive_a_broker_that_is_killed) {
    send_numbers("away.killed", 40, 40);
    std::atomic<int> assigned = 0;
    std::atomic<int> revoked = 0;
    const consumer_options what{
        .group = group_name{"killed"},
        .subjects = {subject{"away.killed"}},
        .on_assigned = [&](const auto&) { ++assigned; },
        .on_revoked = [&](const auto&, bool) { ++revoked; }};
    member one{what};
    member two{what};
    wait_until(
        [&] {
            return one->progress().size() == 2 && two->progress().size() == 2 &&
                   count_different({&one, &two}) == 40;
        },
        60s,
        "both to have their share"
    );
    assigned = 0;
    revoked = 0;
    { const outage now; }
    mailbag more;
    for (int i = 100; i < 140; ++i)
        more.add("away.killed", "k" + std::to_string(i), std::to_string(i));
    send(more);
    wait_until(
        [&] {
            return count_different({&one, &two}) == 80;
        },
        60s,
        "what was sent afterwards"
    );
    wait_until(
        [&] {
            std::int64_t committed = 0;
            for (const auto* each : {&*one, &*two}) {
                for (const auto& of : each->progress())
                    committed += std::max<std::int64_t>(0, of.committed);
            }
            return committed == 80 && assigned == revoked;
        },
        60s,
        "everything to be committed, by whoever has it now"
    );
    EXPECT_LE(revoked, 4);
}

TEST(broker_away, a_consumer_that_comes_first_waits) {
    the_cluster();
    std::atomic<int> said = 0;
    set_log_sink([&](log_level, std::string_view, std::string_view text) {
        said += text.find("trying until it is there") != std::string_view::npos ? 1 : 0;
    });
    outage before;
    const auto what = [](const char* group) {
        return consumer_options{
            .group = group_name::parse(group),
            .subjects = {subject{"away.first"}},
            .order = consume_order::none, // makes topics
            .retries = {.delays = {5s}}};
    };
    {
        member one{what("first")};
        kafka_consumer puller{here(), what("puller")};
        EXPECT_TRUE(puller.pull(1, 1ms).empty()); // and does not wait for the broker
        wait_until([&] { return said == 2; }, 60s, "both to say that they wait");
        before.end();
        send_numbers("away.first", 10);
        one.wait_for(10);
        wait_until([&] { return !puller.pull(10, 100ms).empty(); }, 60s, "something to pull");
    }
    EXPECT_EQ(said, 2);
    set_log_sink({});
}

TEST(broker_away, a_start_with_patience_gives_up_and_one_without_can_be_stopped) {
    the_cluster();
    const outage all_the_time;
    consumer_options what{.group = group_name{"patience"}, .subjects = {subject{"away.patience"}}};
    member waits{what};
    what.start_patience = 100ms;
    kafka_consumer gives_up{here(), what};
    try {
        gives_up.run([](const delivery&) { return outcome::ack(); });
        FAIL() << "there is no broker";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::unreachable) << e.what();
    }
    waits.stop();
}

} // namespace
} // namespace outbox::kafka
