// What only Redis does to claims: it is killed, emptied, full, renewed, forbidding.
#include "harness/redis_server.hpp"
#include "harness/tcp_proxy.hpp"
#include "harness/wait_until.hpp"
#include "outbox/consumer/idempotency/idempotency_checker.hpp"
#include "outbox/consumer/idempotency/redis/hiredis.hpp"
#include "outbox/consumer/idempotency/redis/redis_claim_store.hpp"
#include "outbox/consumer/idempotency/redis/scripts.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;

const retention keep_a_day{24h, redelivery_horizon{1h}};

class redis_claims : public testing::Test {
protected:
    idempotency_checker checker_at(std::uint16_t port, const hiredis_options& as = {}) {
        return idempotency_checker{
            group_name{"billing"},
            [port, as] {
                hiredis_options options = as;
                options.port = port;
                return open_redis_claims(connect_hiredis(options), keep_a_day);
            }};
    }
    static error_kind kind_of(const std::function<void()>& use) {
        try {
            use();
        } catch (const error& e) {
            EXPECT_NE(e.hint(), "") << e.what();
            return e.kind();
        }
        ADD_FAILURE() << "it went well";
        return error_kind::io;
    }
    static message_key key(const std::string& text = "k") { return message_key{text}; }
    static int keys_that_are_done(const harness::redis_server& server) {
        return std::stoi(server.run(
            {"eval",
             "local done = 0 for _, k in ipairs(redis.call('keys', 'outbox:claim:*')) do if "
             "string.sub(redis.call('get', k), 1, 1) == 'd' then done = done + 1 end end "
             "return done",
             "0"}
        ));
    }
};

TEST_F(redis_claims, the_hashes_are_those_of_the_scripts) {
    const harness::redis_server server;
    for (const redis::script& script :
         {redis::claim_script, redis::complete_script, redis::extend_script, redis::release_script})
        EXPECT_EQ(server.run({"script", "load", std::string{script.text}}), script.hash);
}

// A client of the user's that hands numbers on as texts: "1" would be read as "not done".
TEST_F(redis_claims, a_reply_of_another_shape_is_refused) {
    using kind = redis_reply::kind;
    const auto text = [](const bytes& value) {
        return redis_reply{.what = kind::text, .text = value, .number = 0, .list = {}};
    };
    const auto number = [](std::int64_t value) {
        return redis_reply{.what = kind::number, .text = {}, .number = value, .list = {}};
    };
    redis_reply answer{.what = kind::list, .text = {}, .number = 0, .list = {}};
    const auto store = open_redis_claims(
        [&](std::span<const bytes_view> arguments) {
            return arguments[0] == "info" ? text("maxmemory_policy:noeviction\r\n") : answer;
        },
        keep_a_day
    );
    const bytes mine(claim_token_bytes, 'm');
    const auto claim = [&](std::vector<redis_reply> list) {
        answer.list = std::move(list);
        return store->claim({.group = "billing", .key = "k"}, mine, 1h);
    };
    EXPECT_TRUE(claim({text(mine), number(1), number(0)})->done);
    EXPECT_EQ(claim({text(mine), number(0), number(7)})->remaining, 7ms);
    for (const auto& wrong : std::vector<std::vector<redis_reply>>{
             {text(mine), text("1"), number(0)},
             {text(mine), number(0), text("7")},
             {text(mine), number(0), number(-1)},
             {text(mine), number(2), number(0)},
             {text("m"), number(0), number(7)},
             {redis_reply{}, number(0), number(7)},
             {text(mine), number(0)}})
        EXPECT_EQ(kind_of([&] { claim(wrong); }), error_kind::corrupt);
}

TEST_F(redis_claims, a_server_that_forgot_the_scripts_is_told_again) {
    const harness::redis_server server;
    auto checker = checker_at(server.port());
    const claim one = checker.claim(key(), 1h);
    server.run({"script", "flush"});
    EXPECT_TRUE(checker.extend(key(), one.token, 1h));
    EXPECT_TRUE(checker.complete(key(), one.token));
    EXPECT_EQ(checker.claim(key(), 1h).state, claim_state::done);
    EXPECT_NE(server.run({"info", "commandstats"}).find("cmdstat_evalsha"), std::string::npos)
        << "once known, by its hash";
}

TEST_F(redis_claims, what_is_done_expires_with_its_retention_and_what_is_held_with_its_lease) {
    const harness::redis_server server;
    auto checker = checker_at(server.port());
    const claim one = checker.claim(key(), 1h);
    const std::string name = "outbox:claim:billing:k";
    EXPECT_LE(std::stol(server.run({"ttl", name})), 3'600);
    EXPECT_TRUE(checker.complete(key(), one.token));
    EXPECT_GT(std::stol(server.run({"ttl", name})), 86'000);
}

TEST_F(redis_claims, a_redis_that_evicts_is_refused_with_the_reason) {
    for (const std::string policy : {"allkeys-lru", "volatile-ttl", "volatile-random"}) {
        const harness::redis_server server{{.settings = {"maxmemory-policy " + policy}}};
        auto checker = checker_at(server.port());
        try {
            static_cast<void>(checker.claim(key(), 1s));
            ADD_FAILURE() << "it would forget what is done";
        } catch (const error& e) {
            EXPECT_EQ(e.kind(), error_kind::rejected);
            EXPECT_NE(std::string{e.what()}.find(policy), std::string::npos) << e.what();
            EXPECT_NE(e.hint(), "");
        }
    }
}

TEST_F(redis_claims, errors_say_what_to_do) {
    const harness::redis_server server;
    server.run({"config", "set", "requirepass", "secret"});
    auto stranger = checker_at(server.port());
    EXPECT_EQ(kind_of([&] { static_cast<void>(stranger.claim(key(), 1s)); }), error_kind::rejected);
    auto mine = checker_at(server.port(), {.password = "secret"});
    EXPECT_EQ(mine.claim(key(), 1s).state, claim_state::fresh);
    const auto run = [&](std::vector<std::string> command) {
        command.insert(command.begin(), {"-a", "secret", "--no-auth-warning"});
        server.run(command);
    };
    run({"set", "outbox:claim:billing:theirs", "x"});
    run({"lpush", "outbox:claim:billing:list", "x"});
    for (const char* theirs : {"theirs", "list"})
        EXPECT_EQ(
            kind_of([&] { static_cast<void>(mine.claim(key(theirs), 1s)); }),
            error_kind::corrupt
        ) << theirs;
    run({"config", "set", "maxmemory", "1"});
    EXPECT_EQ(
        kind_of([&] { static_cast<void>(mine.claim(key("new"), 1s)); }),
        error_kind::rejected
    );
    EXPECT_EQ(make_redis_error("READONLY …", "x").kind(), error_kind::unreachable);
    EXPECT_EQ(make_redis_error("LOADING …", "x").kind(), error_kind::unreachable);
    EXPECT_EQ(make_redis_error("MOVED 1 …", "x").kind(), error_kind::rejected);
}

// The rules are those of docs/idempotency.md.
TEST_F(redis_claims, a_user_with_the_least_rights_can_do_it_all_and_nothing_else) {
    const harness::redis_server server;
    std::vector<std::string> rules{
        "acl",
        "setuser",
        "billing",
        "reset",
        "on",
        ">secret",
        "~outbox:claim:*",
        "-@all",
        "+info",
        "+eval",
        "+evalsha",
        "+get",
        "+set",
        "+pttl",
        "+pexpire",
        "+del"};
    server.run(rules);
    const hiredis_options as{.user = "billing", .password = "secret"};
    auto checker = checker_at(server.port(), as);
    const claim one = checker.claim(key(), 1h);
    EXPECT_EQ(checker.claim(key(), 1h).state, claim_state::in_progress);
    EXPECT_TRUE(checker.extend(key(), one.token, 1h));
    checker.release(key(), one.token);
    const claim two = checker.claim(key(), 1h);
    EXPECT_TRUE(checker.complete(key(), two.token));
    // Each of the rights is needed, except for +eval, which is for a server that knows no script.
    for (std::size_t i = 8; i < rules.size(); ++i) {
        std::vector<std::string> fewer = rules;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
        server.run(fewer);
        auto poor = checker_at(server.port(), as);
        if (rules[i] == "+eval") {
            server.run({"script", "flush"});
        }
        EXPECT_EQ(
            kind_of([&] {
                const message_key k = key(rules[i]);
                const claim c = poor.claim(k, 1h);
                static_cast<void>(poor.claim(k, 1h));
                static_cast<void>(poor.extend(k, c.token, 1h));
                poor.release(k, c.token);
            }),
            error_kind::rejected
        ) << "without "
          << rules[i];
    }
    server.run(rules);
    hiredis_options options = as;
    options.port = server.port();
    const redis_command run = connect_hiredis(options);
    for (const std::vector<bytes_view>& other : std::vector<std::vector<bytes_view>>{
             {"set", "orders", "x"},
             {"flushall"},
             {"keys", "*"},
             {"config", "get", "*"}})
        EXPECT_EQ(run(other).what, redis_reply::kind::error) << other[0];
}

// C4: the place forgets everything while a handler is at work. Nothing is lost.
TEST_F(redis_claims, flushall_costs_a_repetition_at_most) {
    const harness::redis_server server;
    auto checker = checker_at(server.port());
    const claim one = checker.claim(key(), 1h);
    server.run({"flushall"});
    EXPECT_EQ(checker.claim(key("other"), 1h).state, claim_state::fresh);
    EXPECT_TRUE(checker.complete(key(), one.token)) << "the work is done all the same";
    EXPECT_EQ(checker.claim(key(), 1h).state, claim_state::done);
    server.run({"flushall"});
    EXPECT_EQ(checker.claim(key(), 1h).state, claim_state::fresh) << "repeated, not lost";
}

// C4, F19: killed in the middle of a handler, with its last second perhaps not on disk. The effects
// are counted here, where Redis cannot lose them; the broker gives everything again after each
// kill.
TEST_F(redis_claims, a_killed_redis_loses_no_effect) {
    enum class killed { never, behind_the_claim, behind_the_effect };
    harness::redis_server server{{.settings = {"appendfsync everysec"}}};
    auto checker = checker_at(server.port());
    std::map<int, int> effects;
    // True: acknowledged.
    const auto deliver = [&](int message, killed when) {
        try {
            claim_lease lease{checker, key("m" + std::to_string(message)), 200ms};
            if (!lease.is_fresh())
                return lease.state() == claim_state::done;
            if (when == killed::behind_the_claim) {
                server.kill();
                throw error(error_kind::io, "the handler"); // and the claim cannot be given back
            }
            ++effects[message];
            if (when == killed::behind_the_effect)
                server.kill();
            return lease.complete();
        } catch (const error&) {
            return false;
        }
    };
    int messages = 0;
    int repeated = 0;
    for (const killed when :
         {killed::behind_the_claim,
          killed::behind_the_effect,
          killed::behind_the_claim,
          killed::behind_the_effect}) {
        for (int i = 0; i < 100; ++i)
            ASSERT_TRUE(deliver(++messages, killed::never));
        const int acknowledged = messages;
        EXPECT_FALSE(deliver(++messages, when));
        EXPECT_FALSE(deliver(messages, killed::never)) << "it is away";
        server.start();
        repeated += acknowledged - keys_that_are_done(server);
        repeated += when == killed::behind_the_effect ? 1 : 0;
        for (int message = 1; message <= messages; ++message)
            harness::wait_until(
                [&] { return deliver(message, killed::never); },
                20s,
                "message " + std::to_string(message) + " to be acknowledged"
            );
    }
    int happened = 0;
    for (int message = 1; message <= messages; ++message) {
        EXPECT_TRUE(deliver(message, killed::never)) << "it is done";
        EXPECT_TRUE(effects.contains(message)) << "lost: " << message;
        happened += effects[message];
    }
    EXPECT_EQ(happened, messages + repeated) << "twice is what Redis has forgotten, and no more";
    RecordProperty("messages", messages);
    RecordProperty("repeated", repeated);
}

// F19: the end of the append-only file is gone, in the middle of a command. What was done then is
// not known to be done.
TEST_F(redis_claims, a_truncated_file_costs_repetitions_only) {
    harness::redis_server server;
    auto checker = checker_at(server.port());
    constexpr int messages = 100;
    const auto name = [](int i) { return key("m" + std::to_string(i)); };
    for (int i = 0; i < messages; ++i) {
        const claim one = checker.claim(name(i), 1ms);
        ASSERT_TRUE(checker.complete(name(i), one.token));
    }
    const claim at_work = checker.claim(key("at work"), 1ms);
    ASSERT_EQ(at_work.state, claim_state::fresh);
    server.kill();
    std::filesystem::path grown;
    for (const auto& file : std::filesystem::recursive_directory_iterator(server.data_dir()))
        if (file.path().string().ends_with(".incr.aof"))
            grown = file.path();
    ASSERT_FALSE(grown.empty());
    std::filesystem::resize_file(grown, std::filesystem::file_size(grown) / 2 + 1);
    server.start();

    int done = 0;
    for (int i = 0; i < messages; ++i) {
        const bool is_done = checker.claim(name(i), 1h).state == claim_state::done;
        EXPECT_TRUE(!is_done || done == i)
            << "what was done first is known, and nothing behind the cut";
        done += is_done ? 1 : 0;
    }
    EXPECT_GT(done, messages / 4);
    EXPECT_LT(done, messages);
    EXPECT_EQ(checker.claim(key("at work"), 1h).state, claim_state::fresh);
    RecordProperty("to_be_repeated", messages - done);
}

// F19: it stands still for longer than anybody waits. Nothing counts as processed meanwhile, and
// what was asked meanwhile may be carried out late.
TEST_F(redis_claims, a_redis_that_stands_still_makes_nothing_processed) {
    harness::redis_server server;
    auto checker = checker_at(server.port(), {.timeout = 300ms});
    const claim one = checker.claim(key(), 1h);
    ASSERT_EQ(checker.claim(key("lost"), 1h).state, claim_state::fresh);
    server.freeze();
    try {
        static_cast<void>(checker.complete(key(), one.token));
        ADD_FAILURE() << "it has answered";
    } catch (const error& late) {
        EXPECT_EQ(late.kind(), error_kind::unreachable);
        EXPECT_NE(std::string{late.what()}.find("no answer in time"), std::string::npos)
            << late.what();
    }
    EXPECT_EQ(
        kind_of([&] { static_cast<void>(checker.claim(key("new"), 1h)); }),
        error_kind::unreachable
    );
    server.thaw();
    EXPECT_TRUE(checker.complete(key(), one.token)) << "whether the first try was heard or not";
    EXPECT_EQ(checker.claim(key(), 1h).state, claim_state::done);
    EXPECT_NE(checker.claim(key("new"), 1h).state, claim_state::done);
    EXPECT_EQ(checker.claim(key("lost"), 1h).state, claim_state::in_progress);
}

TEST_F(redis_claims, a_connection_that_was_cut_is_replaced) {
    const harness::redis_server server;
    harness::tcp_proxy proxy{server.port()};
    auto checker = checker_at(proxy.port());
    const claim one = checker.claim(key(), 1h);
    proxy.cut();
    EXPECT_TRUE(checker.complete(key(), one.token));
}

// The script has run and nobody heard, not even on a second connection: it is nobody's, and held.
TEST_F(redis_claims, a_claim_that_nobody_heard_of_is_held_until_its_lease_is_over) {
    const harness::redis_server server;
    harness::tcp_proxy proxy{server.port()};
    auto checker = checker_at(proxy.port(), {.timeout = 300ms});
    ASSERT_EQ(checker.claim(key("warm"), 1h).state, claim_state::fresh);
    proxy.lose_answers(true);
    EXPECT_EQ(
        [&] {
            try {
                static_cast<void>(checker.claim(key(), 1h));
            } catch (const error& e) {
                return e.kind();
            }
            return error_kind::io;
        }(),
        error_kind::unreachable
    );
    proxy.lose_answers(false);
    EXPECT_EQ(checker.claim(key(), 1h).state, claim_state::in_progress)
        << "until its lease is over";
}

// A replica that lags behind what its primary has answered, promoted: it never heard.
TEST_F(redis_claims, a_lagging_replica_that_takes_over_costs_repetitions_only) {
    const harness::redis_server primary;
    const harness::redis_server replica;
    replica.run({"replicaof", "127.0.0.1", std::to_string(primary.port())});
    harness::wait_until(
        [&] {
            return replica.run({"info", "replication"}).find("master_link_status:up") !=
                   std::string::npos;
        },
        20s,
        "the replica to follow"
    );
    auto before = checker_at(primary.port());
    const claim early = before.claim(key("early"), 1h);
    EXPECT_TRUE(before.complete(key("early"), early.token));
    EXPECT_EQ(primary.run({"wait", "1", "10000"}), "1");
    auto on_replica = checker_at(replica.port());
    EXPECT_EQ(
        kind_of([&] { static_cast<void>(on_replica.claim(key(), 1h)); }),
        error_kind::unreachable
    ) << "it is read only";

    // It stops following, which is what lagging for ever is.
    replica.run({"replicaof", "no", "one"});
    const claim late = before.claim(key("late"), 1h);
    EXPECT_TRUE(before.complete(key("late"), late.token));

    EXPECT_EQ(on_replica.claim(key("early"), 1h).state, claim_state::done);
    EXPECT_EQ(on_replica.claim(key("late"), 1h).state, claim_state::fresh) << "again, not never";
}

} // namespace
} // namespace outbox
