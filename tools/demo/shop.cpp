#include "tools/demo/shop.hpp"

#include "outbox/base/random.hpp"
#include "tools/demo/open_by_url.hpp"

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
    return open_by_url(
        url,
        openers<shop>{
            .sqlite = open_sqlite_shop,
#ifdef OUTBOX_WITH_POSTGRESQL
            .postgresql = open_postgresql_shop,
#endif
#ifdef OUTBOX_WITH_MYSQL
            .mysql = open_mysql_shop,
#endif
        }
    );
}

} // namespace outbox::demo
