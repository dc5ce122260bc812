#include "broker/api/wait_list.hpp"

#include <gtest/gtest.h>

namespace outbox::broker {
namespace {

using namespace std::chrono_literals;
using ids = std::vector<wait_list::wait_id>;

const tick_point start{1h};
const int orders = 0;
const int payments = 0;

TEST(wait_list, only_those_who_wait_for_what_moved_look_again) {
    wait_list waits;
    const auto a = waits.add(1, start + 1s, {&orders});
    const auto b = waits.add(1, start + 1s, {&payments});
    const auto both = waits.add(2, start + 1s, {&payments, &orders});
    EXPECT_EQ(waits.moved(&orders), (ids{a, both}));
    EXPECT_EQ(waits.moved(&payments), (ids{b, both}));
    waits.remove(both);
    EXPECT_EQ(waits.moved(&orders), ids{a});
}

TEST(wait_list, a_wait_that_found_nothing_yet_is_woken_again) {
    wait_list waits;
    const auto a = waits.add(1, start + 1s, {&orders});
    EXPECT_EQ(waits.moved(&orders), ids{a});
    EXPECT_EQ(waits.moved(&orders), ids{a});
}

TEST(wait_list, deadlines_come_due_in_order_and_include_their_own_moment) {
    wait_list waits;
    const auto late = waits.add(1, start + 2s, {&orders});
    const auto early = waits.add(1, start + 1s, {&orders});
    EXPECT_EQ(waits.next_deadline(), start + 1s);
    EXPECT_EQ(waits.expired(start + 1s - 1ns), ids{});
    EXPECT_EQ(waits.expired(start + 1s), ids{early});
    EXPECT_EQ(waits.expired(start + 5s), (ids{early, late}));
    waits.remove(early);
    EXPECT_EQ(waits.next_deadline(), start + 2s);
    waits.remove(late);
    EXPECT_EQ(waits.next_deadline(), std::nullopt);
}

TEST(wait_list, nothing_remains_of_a_connection_that_has_gone) {
    wait_list waits;
    const auto kept = waits.add(1, start, {&orders});
    for (const auto id : {waits.add(2, start, {&orders, &orders}), waits.add(2, start, {})})
        (void)id;
    for (const auto id : waits.owned_by(2))
        waits.remove(id);
    EXPECT_EQ(waits.all(), ids{kept});
    EXPECT_EQ(waits.moved(&orders), ids{kept});
    EXPECT_EQ(waits.expired(start), ids{kept});
    waits.remove(kept);
    waits.remove(kept);
    EXPECT_EQ(waits.size(), 0u);
}

} // namespace
} // namespace outbox::broker
