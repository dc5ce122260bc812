#pragma once
// "This transaction sends that message", as one line of your own tests.
//
//   producer.transact(db, [&](auto& tx, outbox::outgoing& out) {
//       shop.pay(tx, out, 42);
//       outbox::testing::expect_sent(tx, order_paid, outbox::testing::with_body({{"orderId",
//       42}}));
//   });
//
// or on the transaction that you have joined, with your function under test in front of it. The
// matcher may be left out; it may be any function that takes a const sent_message& and returns
// bool; and behind outbox/testing/gmock.hpp it may be one of GoogleTest's.
//
// When there is no such message, expectation_failed is thrown, and its text says what is sent
// instead. No test framework is needed for that, and each of them shows the text. An exception also
// rolls the transaction back. What is seen in which transaction is in sent_in.hpp.

#include "outbox/message/body.hpp"
#include "outbox/message/names.hpp"
#include "outbox/testing/recording_target.hpp"
#include "outbox/testing/sent_in.hpp"
#include "outbox/testing/sent_message.hpp"

#include <concepts>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace outbox::testing {

class expectation_failed : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// How a matcher is asked; gmock.hpp has another one. `why_not` says more than no, or nothing.
template <class Matcher>
struct matching {
    static_assert(
        std::predicate<const Matcher&, const sent_message&>,
        "a matcher is a function of const outbox::testing::sent_message& that returns bool; for "
        "those of GoogleTest include outbox/testing/gmock.hpp"
    );
    static bool matches(const Matcher& matcher, const sent_message& m, std::string& /*why_not*/) {
        return matcher(m);
    }
    static std::string describe(const Matcher& matcher) {
        if constexpr (requires { matcher.describe(); })
            return matcher.describe();
        else
            return "that the matcher accepts";
    }
};

/// Any message with the subject.
struct any_message {
    bool operator()(const sent_message&) const noexcept { return true; }
    std::string describe() const { return ""; }
};

/// Its payload is what this body is as bytes.
class with_body {
public:
    explicit with_body(body expected) : expected_(std::move(expected)) {}
    bool operator()(const sent_message& m) const { return m.payload == expected_.payload(); }
    std::string describe() const { return "with the body " + expected_.payload(); }

private:
    body expected_;
};

class with_key {
public:
    explicit with_key(order_key expected) : expected_(std::move(expected)) {}
    bool operator()(const sent_message& m) const { return m.key == expected_.bytes(); }
    std::string describe() const { return "with the key " + expected_.bytes(); }

private:
    order_key expected_;
};

namespace detail {

/// Answers whether a message is the one, or says why not.
using judge = std::function<bool(const sent_message& m, std::string& why_not)>;

sent_message expect_one(
    const std::vector<sent_message>& all,
    const std::string& where,
    const subject& to,
    const std::string& description,
    const judge& is_it
);
void expect_none(const std::vector<sent_message>& all, const std::string& where);

template <class Matcher>
sent_message expect_among(
    const std::vector<sent_message>& all,
    const std::string& where,
    const subject& to,
    const Matcher& matcher
) {
    return expect_one(
        all,
        where,
        to,
        matching<Matcher>::describe(matcher),
        [&](const sent_message& m, std::string& why_not) {
            return matching<Matcher>::matches(matcher, m, why_not);
        }
    );
}

} // namespace detail

/// Returns the first message to `to` that the matcher accepts, for further questions. Throws
/// expectation_failed when there is none. `of` is the producer's outbox (producer_options::name),
/// unless `tx` was opened by transact().
template <class Tx, class Matcher = any_message>
sent_message
expect_sent(Tx& tx, const subject& to, const Matcher& matcher = {}, const outbox_name& of = {}) {
    return detail::expect_among(sent_in(tx, of), "the transaction sends", to, matcher);
}

/// Throws expectation_failed when the transaction sends anything.
template <class Tx>
void expect_nothing_sent(Tx& tx, const outbox_name& of = {}) {
    detail::expect_none(sent_in(tx, of), "the transaction sends");
}

/// The same of what has arrived at the in-memory target.
template <class Matcher = any_message>
sent_message
expect_delivered(const recording& seen, const subject& to, const Matcher& matcher = {}) {
    return detail::expect_among(seen.arrivals(), "the target has", to, matcher);
}
inline void expect_nothing_delivered(const recording& seen) {
    detail::expect_none(seen.arrivals(), "the target has");
}

} // namespace outbox::testing
