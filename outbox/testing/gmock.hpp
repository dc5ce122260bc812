#pragma once
// GoogleTest's matchers in expect_sent() and expect_delivered(), for those who have GoogleMock.
//
//   using outbox::testing::key, outbox::testing::payload;
//   expect_sent(tx, order_paid, AllOf(payload(HasSubstr("\"orderId\":42")), key("42")));

#include "outbox/testing/expect_sent.hpp"

#include <gmock/gmock.h>

#include <concepts>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>

namespace outbox::testing {

template <class Matcher>
requires(!std::predicate<const Matcher&, const sent_message&> && std::convertible_to<const Matcher&, ::testing::Matcher<const sent_message&>>) struct
    matching<Matcher> {
    using of_googletest = ::testing::Matcher<const sent_message&>;

    static bool matches(const Matcher& matcher, const sent_message& m, std::string& why_not) {
        ::testing::StringMatchResultListener listener;
        const of_googletest asked = matcher;
        if (asked.MatchAndExplain(m, &listener))
            return true;
        why_not = listener.str();
        return false;
    }
    static std::string describe(const Matcher& matcher) {
        const of_googletest asked = matcher;
        std::ostringstream text;
        asked.DescribeTo(&text);
        return "that " + text.str();
    }
};

template <class Inner>
auto payload(Inner&& inner) {
    return ::testing::Field("payload", &sent_message::payload, std::forward<Inner>(inner));
}

/// The order key; a message without one does not match.
template <class Inner>
auto key(Inner inner) {
    return ::testing::Field("key", &sent_message::key, ::testing::Optional(std::move(inner)));
}

template <class Inner>
auto tags(Inner&& inner) {
    return ::testing::Field("tags", &sent_message::tags, std::forward<Inner>(inner));
}

/// For GoogleTest's own output, such as EXPECT_THAT(delivered.arrivals(), ElementsAre(…)).
inline void PrintTo(const sent_message& m, std::ostream* out) {
    *out << describe(m);
}

} // namespace outbox::testing
