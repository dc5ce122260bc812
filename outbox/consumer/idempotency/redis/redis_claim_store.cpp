#include "outbox/consumer/idempotency/redis/redis_claim_store.hpp"

#include "outbox/consumer/idempotency/redis/scripts.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace outbox {
namespace {

using redis::script;
using kind = redis_reply::kind;

constexpr std::string_view policy_name = "maxmemory_policy:";

[[noreturn]] void refuse_reply(const std::string& doing) {
    throw error(
        error_kind::corrupt,
        doing + ": Redis gave a reply of another kind than was asked for",
        "look whether the function that runs commands passes replies on as they are"
    );
}

// A number that a client hands on as a text would be taken for "not done".
bool is_view(const redis_reply& reply) {
    if (reply.what != kind::list || reply.list.size() != 3)
        return false;
    const redis_reply& token = reply.list[0];
    const redis_reply& done = reply.list[1];
    const redis_reply& remaining = reply.list[2];
    return token.what == kind::text && token.text.size() == claim_token_bytes &&
           done.what == kind::number && (done.number == 0 || done.number == 1) &&
           remaining.what == kind::number && remaining.number >= 0;
}

class session final : public claim_store {
public:
    session(redis_command run, std::chrono::milliseconds keep, std::string prefix)
        : run_(std::move(run))
        , keep_(keep)
        , prefix_(std::move(prefix)) {
        refuse_eviction();
    }

    std::optional<claim_view>
    claim(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) override {
        const std::string doing = "cannot claim a message";
        const redis_reply reply = run(redis::claim_script, key, token, hold, doing);
        if (!is_view(reply))
            refuse_reply(doing);
        return claim_view{
            .token = reply.list[0].text,
            .done = reply.list[1].number != 0,
            .remaining = std::chrono::milliseconds{reply.list[2].number}};
    }

    bool complete(const claim_key& key, bytes_view token) override {
        return is_one(redis::complete_script, key, token, keep_, "cannot mark a message as done");
    }

    bool extend(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) override {
        return is_one(
            redis::extend_script,
            key,
            token,
            hold,
            "cannot extend the claim on a message"
        );
    }

    void release(const claim_key& key, bytes_view token) override {
        is_one(redis::release_script, key, token, {}, "cannot release the claim on a message");
    }

    std::size_t forget_before(std::chrono::seconds, std::size_t) override { return 0; }

private:
    bool is_one(
        const script& what,
        const claim_key& key,
        bytes_view token,
        std::chrono::milliseconds time,
        const std::string& doing
    ) {
        const redis_reply reply = run(what, key, token, time, doing);
        if (reply.what != kind::number)
            refuse_reply(doing);
        return reply.number == 1;
    }

    redis_reply
    run(const script& what,
        const claim_key& key,
        bytes_view token,
        std::chrono::milliseconds time,
        const std::string& doing) {
        const std::string name = prefix_ + std::string{key.group} + ":" + std::string{key.key};
        const std::string milliseconds = std::to_string(time.count());
        std::array<bytes_view, 6> arguments{"evalsha", what.hash, "1", name, token, milliseconds};
        redis_reply reply = run_(arguments);
        if (reply.what == kind::error && reply.text.starts_with("NOSCRIPT")) {
            arguments[0] = "eval";
            arguments[1] = what.text;
            reply = run_(arguments);
        }
        if (reply.what == kind::error)
            throw make_redis_error(reply.text, doing);
        return reply;
    }

    void refuse_eviction() {
        const std::array<bytes_view, 2> arguments{"info", "memory"};
        const redis_reply reply = run_(arguments);
        const std::string doing = "cannot keep claims in this Redis";
        if (reply.what == kind::error)
            throw make_redis_error(reply.text, doing);
        const std::size_t at = reply.text.find(policy_name);
        if (reply.what != kind::text || at == std::string::npos)
            throw error(
                error_kind::rejected,
                doing + ": it does not say whether it evicts keys (INFO memory, " +
                    std::string{policy_name} + ")"
            );
        const std::size_t begin = at + policy_name.size();
        const std::string policy =
            reply.text.substr(begin, reply.text.find_first_of("\r\n", begin) - begin);
        if (policy != "noeviction")
            throw error(
                error_kind::rejected,
                doing + ": its maxmemory-policy is " + policy +
                    ", so it may drop what is done, and messages would be applied twice",
                "use a Redis of its own with maxmemory-policy noeviction"
            );
    }

    redis_command run_;
    std::chrono::milliseconds keep_;
    std::string prefix_;
};

bool begins_with_any(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
        return text.starts_with(word);
    });
}

} // namespace

std::unique_ptr<claim_store>
open_redis_claims(redis_command run, const retention& keep, std::string prefix) {
    return std::make_unique<session>(std::move(run), keep.keep(), std::move(prefix));
}

error make_redis_error(std::string_view reply, const std::string& doing) {
    const std::string what = doing + ": Redis says: " + std::string{reply};
    if (begins_with_any(
            reply,
            {"LOADING", "READONLY", "MASTERDOWN", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "NOREPLICAS"}
        ))
        return {error_kind::unreachable, what, "it is tried again on a new connection"};
    if (begins_with_any(reply, {"WRONGTYPE"}) || reply.find("OUTBOX") != std::string_view::npos)
        return {
            error_kind::corrupt,
            what,
            "something else writes keys that begin as ours; give the claims another prefix"};
    if (begins_with_any(reply, {"NOAUTH", "WRONGPASS", "NOPERM"}) ||
        reply.find("ACL failure") != std::string_view::npos || // Redis 7.2
        reply.find("The user executing the script can't run") != std::string_view::npos)
        return {
            error_kind::rejected,
            what,
            "give its user the rights that docs/idempotency.md lists"};
    if (begins_with_any(reply, {"OOM"}))
        return {
            error_kind::rejected,
            what,
            "it is full: raise maxmemory, or shorten the retention"};
    if (begins_with_any(reply, {"MOVED", "ASK"}))
        return {error_kind::rejected, what, "this is a cluster: use a client that follows it"};
    return {error_kind::rejected, what};
}

} // namespace outbox
