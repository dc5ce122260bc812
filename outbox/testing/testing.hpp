#pragma once
// Everything for your own tests in one include: expect_sent() on transactions, the in-memory
// target, drain(), and the clock that stands still. GoogleTest's matchers are in gmock.hpp.

#include "outbox/base/clock.hpp"
#include "outbox/base/random.hpp"
#include "outbox/testing/drain.hpp"
#include "outbox/testing/expect_sent.hpp"
#include "outbox/testing/recording_target.hpp"

namespace outbox::testing {

/// For whatever takes an outbox::clock, such as message_id_generator and relay: it moves when the
/// test says so. The database keeps its own time.
using outbox::manual_clock;
/// The same numbers in every run: with it and a manual_clock a message_id_generator always makes
/// the same ids.
using outbox::seeded_random;

} // namespace outbox::testing
