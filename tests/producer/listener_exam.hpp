#pragma once
// What must hold of listeners and receipts on every database: each is told once or, of what is not
// committed, never. A database takes part by a class with open(), connect(), own_transaction and
// break_commit(), as in tests/store/doors/places.hpp, and one line:
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(sqlite, listener_exam, sqlite_place);

#include "harness/wait_until.hpp"
#include "tests/producer/notebook.hpp"
#include "tests/producer/running_relay.hpp"

#include "outbox/base/error.hpp"
#include "outbox/message/codec.hpp"
#include "outbox/producer/producer.hpp"
#include "outbox/relay/receipt_sender.hpp"
#include "outbox/testing/recording_target.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace outbox::testing {

using namespace std::chrono_literals;

template <class Place>
class listener_exam : public ::testing::Test {
protected:
    using own_transaction = typename Place::own_transaction;

    Place place;
    std::unique_ptr<database> source = place.open();
    decltype(place.connect()) db = place.connect();
    notebook told;
    recording seen;
    receipt_sender receipts;
    const subject order_paid{"orders.paid"};

    std::unique_ptr<running_relay> start_relay() {
        return std::make_unique<running_relay>(*source, seen, &receipts);
    }
    message_id send(producer& from) {
        return from.transact(*db, [&](auto&, outgoing& out) {
            return out.send({.to = order_paid}, told.listener());
        });
    }
    /// What no relay has delivered, with its headers as they are in the row.
    std::vector<stored_message> stored() {
        const auto store = source->open_relay_store();
        return store->read(0, store->status(0).at, {}).messages;
    }
};
TYPED_TEST_SUITE_P(listener_exam);

TYPED_TEST_P(listener_exam, hear_once_of_each_message_that_a_relay_delivers) {
    producer sender;
    const auto now = this->start_relay();
    std::set<message_id> sent;
    for (int i = 0; i < 20; ++i)
        sent.insert(this->send(sender));
    const auto ids = sender.transact(*this->db, [&](auto&, outgoing& out) {
        return out.send(
            {{.to = this->order_paid}, {.to = this->order_paid}, {.to = this->order_paid}},
            this->told.listener()
        );
    });
    EXPECT_EQ(ids.size(), 3U);
    sent.insert(ids.begin(), ids.end());

    std::set<message_id> heard;
    for (const delivery_report& r : this->told.await(23)) {
        EXPECT_EQ(r.fate, send_fate::delivered);
        EXPECT_EQ(r.subject, "orders.paid");
        EXPECT_EQ(r.attempts, 1U);
        EXPECT_EQ(r.error, "");
        heard.insert(r.id);
    }
    EXPECT_EQ(heard, sent);
    sender.stop(5s);
    EXPECT_EQ(this->told.reports().size(), 23U);
    EXPECT_TRUE(this->told.all_in_the_right_function());
}

TYPED_TEST_P(listener_exam, the_relay_takes_the_address_out_before_the_target_sees_it) {
    bool any_receipt = false;
    std::mutex mutex;
    headers left;
    this->seen.decide = [&](const stored_message& m) {
        const std::lock_guard lock{mutex};
        left = decode_headers(m.content.headers);
        any_receipt = any_receipt || find_header(left, header_name::receipt) != nullptr;
        return fate::delivered;
    };
    producer sender;
    sender.transact(*this->db, [&](auto&, outgoing& out) {
        out.send(
            {.to = this->order_paid, .properties = {{"colour", "red"}}},
            this->told.listener()
        );
    });
    EXPECT_EQ(this->stored().size(), 1U);
    const running_relay without_observer{*this->source, this->seen, nullptr};
    ASSERT_TRUE(this->seen.await_count(1));
    const std::lock_guard lock{mutex};
    EXPECT_FALSE(any_receipt);
    EXPECT_EQ(left, (headers{{"colour", "red"}}));
}

TYPED_TEST_P(listener_exam, a_message_without_listener_carries_nothing_and_starts_nothing) {
    producer sender;
    sender.transact(*this->db, [&](auto&, outgoing& out) { out.send({.to = this->order_paid}); });
    EXPECT_EQ(this->stored().at(0).content.headers, "");
}

TYPED_TEST_P(listener_exam, a_receipt_can_be_waited_for) {
    producer sender;
    const auto now = this->start_relay();
    const receipt r = sender.transact(*this->db, [&](auto&, outgoing& out) {
        return out.send({.to = this->order_paid}, with_receipt);
    });
    EXPECT_EQ(sender.wait_delivered(r, 20s), send_fate::delivered);
    EXPECT_EQ(sender.wait_delivered(r, 0ms), send_fate::delivered) << "asking again";
    EXPECT_EQ(r.report()->id, r.id());
}

TYPED_TEST_P(listener_exam, a_message_that_waited_for_its_time_has_its_receipt_too) {
    producer sender;
    const auto now = this->start_relay();
    const receipt r = sender.transact(*this->db, [&](auto&, outgoing& out) {
        return out.send({.to = this->order_paid, .deliver = deliver_after(50ms)}, with_receipt);
    });
    EXPECT_EQ(sender.wait_delivered(r, 20s), send_fate::delivered);
    ASSERT_TRUE(this->seen.await_count(1));
}

TYPED_TEST_P(listener_exam, waiting_ends_in_time_when_no_relay_is_there) {
    producer sender;
    const receipt r = sender.transact(*this->db, [&](auto&, outgoing& out) {
        return out.send({.to = this->order_paid}, with_receipt);
    });
    EXPECT_EQ(sender.wait_delivered(r, 20ms), send_fate::left_to_watchdog);
    const auto now = this->start_relay();
    EXPECT_EQ(sender.wait_delivered(r, 20s), send_fate::delivered) << "it was not lost meanwhile";
}

TYPED_TEST_P(listener_exam, without_a_relay_it_is_left_to_the_watchdog_and_delivered_later) {
    producer sender{{.receipts = {.deadline = 50ms}}};
    const message_id id = this->send(sender);
    const auto reports = this->told.await(1);
    EXPECT_EQ(reports[0].id, id);
    EXPECT_EQ(reports[0].fate, send_fate::left_to_watchdog);
    const auto now = this->start_relay();
    ASSERT_TRUE(this->seen.await_count(1));
    EXPECT_EQ(this->seen.arrivals()[0].id, id);
    sender.stop(5s);
    EXPECT_EQ(this->told.reports().size(), 1U) << "the late receipt was told as well";
    EXPECT_TRUE(this->told.all_in_the_right_function());
}

TYPED_TEST_P(listener_exam, a_refused_message_is_told_once) {
    this->seen.decide = [](const stored_message&) { return fate::rejected; };
    producer sender;
    const auto now = this->start_relay();
    this->send(sender);
    const auto reports = this->told.await(1);
    EXPECT_EQ(reports[0].fate, send_fate::rejected);
    EXPECT_EQ(reports[0].error, "as the test wants it");
    sender.stop(5s);
    EXPECT_EQ(this->told.reports().size(), 1U);
}

TYPED_TEST_P(listener_exam, nobody_is_called_for_a_transaction_that_was_rolled_back) {
    producer sender{{.receipts = {.deadline = 1ms}}};
    std::optional<receipt> r;
    EXPECT_THROW(
        sender.transact(
            *this->db,
            [&](auto&, outgoing& out) {
                out.send({.to = this->order_paid}, this->told.listener());
                r = out.send({.to = this->order_paid}, with_receipt);
                throw std::domain_error("the user's own");
            }
        ),
        std::domain_error
    );
    EXPECT_THROW(static_cast<void>(sender.wait_delivered(*r, 20s)), error);
    {
        typename TestFixture::own_transaction tx{*this->db};
        sender.send(tx.handle(), {.to = this->order_paid}, this->told.listener());
        tx.rollback();
    }
    this->send(sender); // what follows is told, so what went before had its time
    EXPECT_EQ(this->told.await(1).size(), 1U);
    sender.stop(5s);
    EXPECT_EQ(this->told.reports().size(), 1U);
}

TYPED_TEST_P(listener_exam, nobody_is_called_when_commit_fails) {
    producer sender{{.receipts = {.deadline = 1ms}}};
    EXPECT_ANY_THROW(sender.transact(*this->db, [&](auto& tx, outgoing& out) {
        out.send({.to = this->order_paid}, this->told.listener());
        this->place.break_commit([&](const std::string& sql) { tx.execute(sql); });
    }));
    sender.stop(5s);
    EXPECT_TRUE(this->told.reports().empty());
}

TYPED_TEST_P(listener_exam, a_joined_transaction_is_told_by_its_receipt_or_after_the_nudge) {
    producer sender{{.receipts = {.deadline = 100ms}}};
    {
        typename TestFixture::own_transaction tx{*this->db};
        outgoing out = sender.join(tx.handle());
        out.send({.to = this->order_paid}, this->told.listener());
        tx.commit();
        out.nudge();
    }
    EXPECT_EQ(this->told.await(1)[0].fate, send_fate::left_to_watchdog);
    {
        typename TestFixture::own_transaction tx{*this->db};
        const message_id id =
            sender.send(tx.handle(), {.to = this->order_paid}, this->told.listener());
        tx.commit();
        sender.committed(id);
        EXPECT_EQ(this->told.await(2)[1].fate, send_fate::left_to_watchdog);
        EXPECT_EQ(this->told.reports()[1].id, id);
    }
    producer patient;
    const auto now = this->start_relay();
    typename TestFixture::own_transaction tx{*this->db};
    const receipt r = patient.send(tx.handle(), {.to = this->order_paid}, with_receipt);
    tx.commit();
    EXPECT_EQ(patient.wait_delivered(r, 20s), send_fate::delivered)
        << "the receipt proves the commit";
}

TYPED_TEST_P(listener_exam, at_the_end_each_pending_one_is_left_to_the_watchdog) {
    {
        producer sender;
        for (int i = 0; i < 10; ++i)
            this->send(sender);
        EXPECT_TRUE(this->told.reports().empty());
    }
    const auto reports = this->told.reports();
    ASSERT_EQ(reports.size(), 10U) << "the destructor did not wait for the listeners";
    for (const delivery_report& r : reports)
        EXPECT_EQ(r.fate, send_fate::left_to_watchdog);
}

TYPED_TEST_P(
    listener_exam,
    a_transaction_that_is_open_while_the_producer_stops_is_told_after_its_commit
) {
    producer sender;
    sender.transact(*this->db, [&](auto&, outgoing& out) {
        out.send({.to = this->order_paid}, this->told.listener());
        sender.stop(5s);
        EXPECT_TRUE(this->told.reports().empty()) << "called before COMMIT";
        out.send({.to = this->order_paid}, this->told.listener());
    });
    ASSERT_EQ(this->told.reports().size(), 2U);
    EXPECT_EQ(this->told.reports()[0].fate, send_fate::left_to_watchdog);
}

TYPED_TEST_P(listener_exam, beyond_the_limit_they_are_left_to_the_watchdog_at_once) {
    producer sender{{.receipts = {.pending_max = 2}}};
    sender.transact(*this->db, [&](auto&, outgoing& out) {
        for (int i = 0; i < 5; ++i)
            out.send({.to = this->order_paid}, this->told.listener());
        EXPECT_TRUE(this->told.reports().empty());
    });
    EXPECT_EQ(this->told.reports().size(), 3U);
    sender.stop(5s);
    EXPECT_EQ(this->told.reports().size(), 5U);
    EXPECT_EQ(this->stored().size(), 5U);
}

// Many threads, a relay, and an end in the middle: one call for each, whatever comes first.
TYPED_TEST_P(
    listener_exam,
    are_called_exactly_once_by_many_threads_with_a_relay_and_a_stop_between
) {
    const auto now = this->start_relay();
    constexpr int per_thread = 150;
    std::mutex mutex;
    std::map<message_id, int> calls;
    std::set<message_id> sent;
    const auto count = [&](const delivery_report& r) {
        const std::lock_guard lock{mutex};
        ++calls[r.id];
    };
    {
        producer sender{{.receipts = {.deadline = 20ms, .pending_max = 100}}};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                const auto mine = this->place.connect();
                for (int i = 0; i < per_thread; ++i) {
                    const message_id id = sender.transact(*mine, [&](auto&, outgoing& out) {
                        return out.send(
                            {.to = this->order_paid},
                            {.on_delivered = count, .on_failed = count}
                        );
                    });
                    const std::lock_guard lock{mutex};
                    sent.insert(id);
                }
            });
        }
        harness::wait_until(
            [&] {
                const std::lock_guard lock{mutex};
                return sent.size() > per_thread;
            },
            60s,
            "a quarter to be sent"
        );
        sender.stop(5s);
        for (std::thread& t : threads)
            t.join();
    }
    const std::lock_guard lock{mutex};
    ASSERT_EQ(sent.size(), 4U * per_thread);
    for (const message_id& id : sent)
        EXPECT_EQ(calls[id], 1);
    EXPECT_EQ(calls.size(), sent.size());
}

REGISTER_TYPED_TEST_SUITE_P(
    listener_exam,
    hear_once_of_each_message_that_a_relay_delivers,
    the_relay_takes_the_address_out_before_the_target_sees_it,
    a_message_without_listener_carries_nothing_and_starts_nothing,
    a_receipt_can_be_waited_for,
    a_message_that_waited_for_its_time_has_its_receipt_too,
    waiting_ends_in_time_when_no_relay_is_there,
    without_a_relay_it_is_left_to_the_watchdog_and_delivered_later,
    a_refused_message_is_told_once,
    nobody_is_called_for_a_transaction_that_was_rolled_back,
    nobody_is_called_when_commit_fails,
    a_joined_transaction_is_told_by_its_receipt_or_after_the_nudge,
    at_the_end_each_pending_one_is_left_to_the_watchdog,
    a_transaction_that_is_open_while_the_producer_stops_is_told_after_its_commit,
    beyond_the_limit_they_are_left_to_the_watchdog_at_once,
    are_called_exactly_once_by_many_threads_with_a_relay_and_a_stop_between
);

} // namespace outbox::testing
