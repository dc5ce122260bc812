#pragma once
// hiredis as the client of open_redis_claims(). It is compiled with the hiredis that you have: 0.14
// or 1.
//
//   outbox::connect_hiredis({.host = "10.0.0.5", .user = "billing", .password = secret})
//   outbox::use_hiredis(context)      // a context of yours: TLS, a socket, options of your own
//
// A connection is not opened again under a checker: its function that opens makes a new one.

#include "outbox/base/bytes.hpp"
#include "outbox/base/error.hpp"
#include "outbox/consumer/idempotency/redis/redis_command.hpp"

#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace outbox {

struct hiredis_options {
    std::string host = "127.0.0.1";
    int port = 6379;
    /// Empty: none. A password without a user is that of the user `default`.
    std::string user = {};
    std::string password = {};
    /// Of the connecting, and of each command.
    std::chrono::milliseconds timeout{5'000};
};

namespace detail {

inline redis_reply from_hiredis(const ::redisReply& from) {
    using kind = redis_reply::kind;
    switch (from.type) {
    case REDIS_REPLY_NIL:
        return {};
    case REDIS_REPLY_INTEGER:
        return {.what = kind::number, .text = {}, .number = from.integer, .list = {}};
    case REDIS_REPLY_ERROR:
        return {.what = kind::error, .text = {from.str, from.len}, .number = 0, .list = {}};
    case REDIS_REPLY_ARRAY: {
        redis_reply reply{.what = kind::list, .text = {}, .number = 0, .list = {}};
        for (std::size_t i = 0; i < from.elements; ++i)
            reply.list.push_back(from_hiredis(*from.element[i]));
        return reply;
    }
    default: // a string of some kind; other kinds come only to who asks for RESP3
        return {
            .what = kind::text,
            .text = from.str == nullptr ? bytes{} : bytes{from.str, from.len},
            .number = 0,
            .list = {}};
    }
}

} // namespace detail

/// `context` is connected, has timeouts, and is used by nobody else meanwhile. Throws outbox::error
/// (unreachable) when it is null or in error, now and at each command.
inline redis_command use_hiredis(std::shared_ptr<::redisContext> context) {
    const auto require_sound = [](const ::redisContext* db) {
        if (db == nullptr || db->err != 0)
            throw error(
                error_kind::unreachable,
                std::string{"Redis: "} + (db == nullptr ? "no connection" : db->errstr),
                "check that it runs, and the address"
            );
    };
    require_sound(context.get());
    return [context = std::move(context), require_sound](std::span<const bytes_view> arguments) {
        require_sound(context.get());
        std::vector<const char*> texts;
        std::vector<std::size_t> sizes;
        for (const bytes_view argument : arguments) {
            texts.push_back(argument.data());
            sizes.push_back(argument.size());
        }
        const std::unique_ptr<void, void (*)(void*)> reply{
            ::redisCommandArgv(
                context.get(),
                static_cast<int>(texts.size()),
                texts.data(),
                sizes.data()
            ),
            [](void* made) { ::freeReplyObject(made); }};
        if (!reply) {
            // Said as "Resource temporarily unavailable", which is what the socket says.
            if (context->err != REDIS_ERR_IO || errno != EAGAIN)
                require_sound(context.get());
            throw error(
                error_kind::unreachable,
                "Redis: no answer in time",
                "check what it is busy with (slowlog, latency), or give it more time: timeout"
            );
        }
        return detail::from_hiredis(*static_cast<const ::redisReply*>(reply.get()));
    };
}

/// Connects. Throws outbox::error: unreachable, or rejected when the password is wrong.
inline redis_command connect_hiredis(const hiredis_options& options) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options.timeout);
    const ::timeval limit{
        .tv_sec = seconds.count(),
        .tv_usec = std::chrono::duration_cast<std::chrono::microseconds>(options.timeout - seconds)
                       .count()};
    const std::shared_ptr<::redisContext> context{
        ::redisConnectWithTimeout(options.host.c_str(), options.port, limit),
        [](::redisContext* made) {
            if (made != nullptr)
                ::redisFree(made);
        }};
    redis_command run = use_hiredis(context);
    ::redisSetTimeout(context.get(), limit);
    if (options.password.empty())
        return run;
    std::vector<bytes_view> login{"auth"};
    if (!options.user.empty())
        login.emplace_back(options.user);
    login.emplace_back(options.password);
    const redis_reply reply = run(login);
    if (reply.what == redis_reply::kind::error)
        throw error(
            error_kind::rejected,
            "Redis does not let \"" + options.user + "\" in: " + reply.text
        );
    return run;
}

} // namespace outbox
