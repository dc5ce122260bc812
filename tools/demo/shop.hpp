#pragma once
// The business process of the demo and of the crash tests: a shop that places orders. Each order
// changes rows of the shop's own tables and sends one message, in one transaction; one order in ten
// is taken back before COMMIT.
//
// The shop's tables are the ledger: what is in `orders` was committed, whoever died and whenever.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace outbox::demo {

inline constexpr int customer_count = 16;

struct order {
    std::int64_t id = 0;
    int customer = 0;
};

struct placed_order {
    std::int64_t id = 0;
    int customer = 0;
    /// 1, 2, 3, … for each customer, in the order of the commits: drawn under the lock of the
    /// customer's row.
    std::int64_t position = 0;
    std::string message_id{};
};

/// Which order is placed under `id`, and whether it is taken back; the same for every start with
/// the same seed.
order decide_order(std::uint64_t seed, std::int64_t id);
bool is_taken_back(std::uint64_t seed, std::int64_t id);

/// One connection to the shop's database; one thread.
class shop {
public:
    virtual ~shop() = default;

    /// Makes the shop's own tables. The outbox tables are there already.
    virtual void open_for_business() = 0;
    /// Places `o` and sends its message to `subject` in one transaction; throws the whole back when
    /// `take_back`.
    virtual void place(const order& o, const std::string& subject, bool take_back) = 0;
    virtual std::vector<placed_order> placed() = 0;
    /// The highest order number from `first` to `last` that is placed; `first` - 1 when there is
    /// none.
    virtual std::int64_t last_placed(std::int64_t first, std::int64_t last) = 0;
};

/// As outbox::open_database, for the shop's own side of the same database.
std::unique_ptr<shop> open_shop(const std::string& url);
std::unique_ptr<shop> open_sqlite_shop(const std::string& path);
std::unique_ptr<shop> open_postgresql_shop(const std::string& url);
std::unique_ptr<shop> open_mysql_shop(const std::string& url);

} // namespace outbox::demo
