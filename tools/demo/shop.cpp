#include "tools/demo/shop.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/random.hpp"

#include <string_view>

namespace outbox::demo {

order decide_order(std::uint64_t seed, std::int64_t id) {
    seeded_random random{seed ^ static_cast<std::uint64_t>(id) * 0x9e3779b97f4a7c15U};
    return {id, static_cast<int>(random.below(customer_count))};
}

bool is_taken_back(std::uint64_t seed, std::int64_t id) {
    seeded_random random{~seed ^ static_cast<std::uint64_t>(id) * 0x9e3779b97f4a7c15U};
    return random.below(10) == 0;
}

std::unique_ptr<shop> open_shop(const std::string& url) {
    constexpr std::string_view sqlite = "sqlite:";
    if (url.starts_with(sqlite))
        return open_sqlite_shop(url.substr(sqlite.size()));
#ifdef OUTBOX_WITH_MYSQL
    if (url.starts_with("mysql://"))
        return open_mysql_shop(url);
#endif
#ifdef OUTBOX_WITH_POSTGRESQL
    if (url.starts_with("postgresql://"))
        return open_postgresql_shop(url);
#endif
    throw error(error_kind::invalid_argument, "this build has no shop for " + url.substr(0, url.find(':')));
}

} // namespace outbox::demo
