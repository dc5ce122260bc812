#include "outbox/base/datagram.hpp"
#include "outbox/base/error.hpp"

#include <gtest/gtest.h>

#include <array>

namespace outbox {
namespace {

using namespace std::chrono_literals;

TEST(datagram, arrives_as_it_was_sent) {
    datagram_socket socket{"udp:127.0.0.1:0"};
    std::array<char, 8> into{};
    EXPECT_FALSE(socket.receive(into));
    send_datagram(socket.address(), {"a\0b", 3});
    ASSERT_TRUE(socket.await(5s));
    ASSERT_EQ(socket.receive(into), 3U);
    EXPECT_EQ(bytes_view(into.data(), 3), bytes_view("a\0b", 3));
    EXPECT_FALSE(socket.receive(into));
}

TEST(datagram, one_that_is_too_long_is_thrown_away_and_the_next_is_not) {
    datagram_socket socket{"udp:127.0.0.1:0"};
    std::array<char, 4> into{};
    send_datagram(socket.address(), "12345");
    send_datagram(socket.address(), "1234");
    ASSERT_TRUE(socket.await(5s));
    EXPECT_EQ(socket.receive(into), 0U);
    EXPECT_EQ(socket.receive(into), 4U);
}

TEST(datagram, knows_the_addresses_of_this_machine) {
    EXPECT_TRUE(is_loopback("udp:127.0.0.1:9"));
    EXPECT_TRUE(is_loopback("udp:127.8.0.1:9"));
    EXPECT_FALSE(is_loopback("udp:10.0.0.1:9"));
    EXPECT_FALSE(is_loopback("udp:0.0.0.0:9"));
    EXPECT_FALSE(is_loopback("127.0.0.1:9"));
    EXPECT_FALSE(is_loopback(""));
}

} // namespace
} // namespace outbox
