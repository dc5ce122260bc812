#pragma once
// The other end of the demo and of the crash tests: a service that gives a customer one point for
// each order. It reads with outbox::consumer and applies each message once, in a transaction of its
// own database.
//
// What it has written down is the account of effects: `effects` has a row for each one, whoever
// died and whenever, and nothing but first_time() keeps it from having two for one message.

#include "outbox/consumer/delivery.hpp"
#include "outbox/consumer/group_name.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace outbox::demo {

/// One point that was given.
struct effect {
    std::string message_id{};
    int customer = 0;
    /// The order's place among those of its customer.
    std::int64_t position = 0;
};

/// One connection to the service's database; one thread.
class points_book {
public:
    virtual ~points_book() = default;

    /// Makes the service's own tables. The outbox tables are there already.
    virtual void open_for_business() = 0;
    /// Gives the point for the order in `d`, in one transaction, if `group` has not yet. Throws
    /// when that is not certain.
    virtual void give_point(const group_name& group, const delivery& d) = 0;
    /// In the order in which they happened, as far as customers can tell.
    virtual std::vector<effect> effects() = 0;
    /// Repetitions do not count.
    virtual std::int64_t effect_count() = 0;
    /// All points of all customers.
    virtual std::int64_t points() = 0;
    /// How often a message came again and had no effect.
    virtual std::int64_t suppressed() = 0;
    /// True where a lease decides: an effect may happen twice then, and is counted; none may be
    /// missing.
    virtual bool effects_may_repeat() const { return false; }
};

std::unique_ptr<points_book> open_points_book(const std::string& url);
std::unique_ptr<points_book> open_sqlite_points_book(const std::string& path);
std::unique_ptr<points_book> open_postgresql_points_book(const std::string& url);
std::unique_ptr<points_book> open_mysql_points_book(const std::string& url);

/// Runs the service in this process until SIGTERM; the other side of stage::start_points().
struct points_run {
    std::string database_url{};
    std::string broker{};
    std::string topic{};
    /// Which one of several; a dead one's successor takes its place at once.
    std::string instance{};
    /// How long the group waits for one that says nothing.
    std::chrono::milliseconds session{6'000};
};
int run_points(const points_run& run);
/// The same with another kind of book; each of the consumer's threads opens one.
int run_points(const points_run& run, const std::function<std::unique_ptr<points_book>()>& open);

/// The group it reads as.
const group_name& points_group();

} // namespace outbox::demo
