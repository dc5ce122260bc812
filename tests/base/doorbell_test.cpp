#include "outbox/base/doorbell.hpp"
#include "outbox/base/error.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace outbox {
namespace {

using namespace std::chrono_literals;

TEST(doorbell, a_ring_is_heard_and_many_are_heard_once) {
    doorbell_listener listener;
    EXPECT_FALSE(listener.await(0ms));
    for (int i = 0; i < 10; ++i)
        ring_doorbell(listener.address());
    EXPECT_TRUE(listener.await(5s));
    EXPECT_FALSE(listener.await(0ms));
}

TEST(doorbell, wake_ends_the_wait_of_another_thread) {
    doorbell_listener listener;
    const std::jthread other{[&] { listener.wake(); }};
    EXPECT_TRUE(listener.await(5s));
}

TEST(doorbell, ringing_where_nobody_is_does_no_harm) {
    std::string gone;
    {
        const doorbell_listener listener;
        gone = listener.address();
    }
    ring_doorbell(gone);
    ring_doorbell("");
    ring_doorbell("udp:not-an-address:1");
    ring_doorbell("udp:127.0.0.1:99999");
}

TEST(doorbell, a_taken_port_and_a_bad_address_are_told_apart) {
    const doorbell_listener first;
    try {
        const doorbell_listener second{first.address()};
        FAIL() << "two listeners on one port";
    } catch (const error& e) {
        EXPECT_EQ(e.kind(), error_kind::conflict);
    }
    EXPECT_THROW(doorbell_listener{"tcp:127.0.0.1:1"}, error);
    EXPECT_THROW(doorbell_listener{"udp:localhost:1"}, error);
}

} // namespace
} // namespace outbox
