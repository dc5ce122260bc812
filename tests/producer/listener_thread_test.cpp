#include "outbox/producer/listener_thread.hpp"

#include "outbox/base/log.hpp"
#include "outbox/message/message_id.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace outbox {
namespace {

using namespace std::chrono_literals;

settled_fate fate_for(
    std::function<void(const delivery_report&)> listener,
    send_fate fate = send_fate::delivered
) {
    settled_fate made;
    (fate == send_fate::delivered ? made.who.listener.on_delivered : made.who.listener.on_failed) =
        std::move(listener);
    made.report.fate = fate;
    return made;
}

std::vector<settled_fate> one(settled_fate fate) {
    std::vector<settled_fate> all;
    all.push_back(std::move(fate));
    return all;
}

TEST(listener_thread, calls_in_order_and_stop_waits_for_all) {
    std::vector<int> seen;
    listener_thread thread;
    for (int i = 0; i < 100; ++i)
        thread.call(one(fate_for([&seen, i](const auto&) { seen.push_back(i); })));
    thread.stop(10s);
    ASSERT_EQ(seen.size(), 100U);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(listener_thread, one_that_throws_does_not_stop_the_next) {
    std::atomic<int> called{0};
    listener_thread thread;
    thread.call(one(fate_for([](const auto&) { throw std::runtime_error("mine"); })));
    thread.call(one(fate_for([](const auto&) { throw 42; }, send_fate::rejected)));
    thread.call(one(fate_for([&](const auto&) { ++called; }, send_fate::left_to_watchdog)));
    thread.stop(10s);
    EXPECT_EQ(called, 1);
}

TEST(listener_thread, one_that_throws_is_logged_with_the_message_it_was_told_of) {
    std::vector<std::string> lines;
    set_log_sink([&](log_level level, std::string_view source, std::string_view text) {
        lines.push_back(std::string{to_string(level)} + " " + std::string{source} + ": ");
        lines.back() += text;
    });
    std::vector<settled_fate> fates;
    fates.push_back(fate_for([](const auto&) { throw std::runtime_error("mine"); }));
    fates.push_back(fate_for([](const auto&) { throw 42; }, send_fate::rejected));
    message_id_generator ids;
    for (settled_fate& each : fates)
        each.report.id = ids.next();
    const std::string first = fates[0].report.id.text();
    const std::string second = fates[1].report.id.text();
    listener_thread thread;
    thread.call(std::move(fates));
    thread.stop(10s);
    set_log_sink({});
    EXPECT_EQ(
        lines,
        (std::vector<std::string>{
            "error producer: the listener of message " + first + " threw: mine",
            "error producer: the listener of message " + second +
                " threw something that is no std::exception"})
    );
}

TEST(
    listener_thread,
    one_that_does_not_return_holds_up_no_stop_and_those_behind_it_are_called_later
) {
    std::promise<void> let_go;
    std::promise<void> entered;
    std::promise<void> called;
    {
        listener_thread thread;
        thread.call(one(fate_for([&](const auto&) {
            entered.set_value();
            let_go.get_future().wait();
        })));
        thread.call(one(fate_for([&](const auto&) { called.set_value(); })));
        entered.get_future().wait();
        EXPECT_EQ(thread.waiting(), 2U);
        thread.stop(10ms);
    }
    let_go.set_value();
    EXPECT_EQ(called.get_future().wait_for(10s), std::future_status::ready);
}

TEST(listener_thread, one_may_destroy_the_thread_that_calls_it) {
    auto thread = std::make_unique<listener_thread>();
    std::promise<void> first;
    std::promise<void> second;
    std::vector<settled_fate> both;
    both.push_back(fate_for([&](const auto&) {
        thread.reset();
        first.set_value();
    }));
    both.push_back(fate_for([&](const auto&) { second.set_value(); }));
    thread->call(std::move(both));
    EXPECT_EQ(first.get_future().wait_for(10s), std::future_status::ready);
    EXPECT_EQ(second.get_future().wait_for(10s), std::future_status::ready);
}

TEST(listener_thread, after_the_stop_the_caller_calls) {
    listener_thread thread;
    thread.stop(0ms);
    int called = 0;
    thread.call(one(fate_for([&](const auto&) { ++called; })));
    EXPECT_EQ(called, 1);
}

} // namespace
} // namespace outbox
