// The order of the steps, on a database that cannot roll back table definitions and may be lost
// after any of them.
#include "outbox/store/migrator.hpp"

#include "outbox/base/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace outbox {
namespace {

constexpr migration versions[] = {
    {.version = 1, .name = "first", .up_sql = "up 1", .down_sql = "down 1"},
    {.version = 2, .name = "second", .up_sql = "up 2", .down_sql = "down 2"},
};

constexpr migration_dialect known{
    .kind = "test",
    .versions = versions,
    .oldest_usable = 1,
    .version_table = "v",
    .make_version_table = "make v",
    .drop_version_table = "drop v",
    .transactional = false,
};

struct loss : error {
    loss() : error(error_kind::unreachable, "lost") {}
};

/// What the statements of a version leave behind.
struct half_world {
    std::vector<recorded_migration> recorded{};
    std::vector<std::string> done{};
    /// So many steps are still carried out.
    int steps_left = 1'000;
    bool locked = false;
};

class session final : public migration_session {
public:
    explicit session(half_world& world) : world_(&world) {}

    std::vector<recorded_migration> recorded() override { return world_->recorded; }
    void begin() override { world_->locked = true; }
    void commit() override { world_->locked = false; }
    void roll_back() noexcept override { world_->locked = false; }
    std::int64_t undelivered() override { return 0; }

    void run(const std::string& sql, const std::string&) override {
        EXPECT_TRUE(world_->locked);
        if (world_->steps_left-- == 0)
            throw loss{};
        if (sql.starts_with("insert into v"))
            world_->recorded.push_back({number_behind(sql, "values ("), "", quoted(sql, 1)});
        else if (sql.starts_with("update v"))
            line(number_behind(sql, "version = "))->checksum = quoted(sql, 0);
        else if (sql.starts_with("delete from v"))
            world_->recorded.erase(line(number_behind(sql, "version = ")));
        else
            world_->done.push_back(sql);
    }

private:
    static int number_behind(const std::string& sql, const std::string& words) {
        return std::stoi(sql.substr(sql.find(words) + words.size()));
    }
    /// The text between the quotes of the nth value that has them.
    static std::string quoted(const std::string& sql, int nth) {
        std::size_t begin = sql.find('\'');
        for (; nth > 0; --nth)
            begin = sql.find('\'', sql.find('\'', begin + 1) + 1);
        return sql.substr(begin + 1, sql.find('\'', begin + 1) - begin - 1);
    }
    std::vector<recorded_migration>::iterator line(int version) {
        return std::ranges::find(world_->recorded, version, &recorded_migration::version);
    }

    half_world* world_;
};

migrator on(half_world& world) {
    return {known, std::make_unique<session>(world)};
}

TEST(migrator, a_version_lost_half_way_is_told_after_whichever_step) {
    half_world whole;
    EXPECT_EQ(on(whole).up().size(), 2U);
    ASSERT_EQ(whole.done, (std::vector<std::string>{"make v", "up 1", "up 2"}));

    for (int steps = 0; steps < 1'000; ++steps) {
        half_world world{.steps_left = steps};
        try {
            on(world).up();
            EXPECT_EQ(steps, 7) << "make, and for each version: begun, its SQL, finished";
            return;
        } catch (const loss&) {
        }
        EXPECT_FALSE(world.locked);
        world.steps_left = 1'000;
        const auto states = on(world).status();
        for (const migration_state& state : states) {
            const std::string sql = "up " + std::to_string(state.version);
            const bool was_run = std::ranges::count(world.done, sql) > 0;
            EXPECT_TRUE(!state.applied || was_run) << "after " << steps << " steps";
            EXPECT_TRUE(!was_run || state.applied || state.unfinished)
                << "after " << steps << " steps";
        }
        const bool half = std::ranges::count(states, true, &migration_state::unfinished) > 0;
        if (half) {
            EXPECT_THROW(on(world).up(), error) << "after " << steps << " steps";
            EXPECT_THROW(require_usable(states, 0), error);
        } else {
            EXPECT_NO_THROW(on(world).up()) << "after " << steps << " steps";
        }
        EXPECT_LE(std::ranges::count(world.done, "up 1"), 1) << "after " << steps << " steps";
        EXPECT_LE(std::ranges::count(world.done, "up 2"), 1) << "after " << steps << " steps";
    }
    FAIL() << "never ended";
}

TEST(migrator, a_way_back_lost_half_way_is_told_after_whichever_step) {
    for (int steps = 0; steps < 1'000; ++steps) {
        half_world world;
        on(world).up();
        world.steps_left = steps;
        try {
            on(world).down(0);
            EXPECT_EQ(steps, 7);
            EXPECT_EQ(world.done.back(), "drop v");
            return;
        } catch (const loss&) {
        }
        world.steps_left = 1'000;
        for (const migration_state& state : on(world).status()) {
            const std::string sql = "down " + std::to_string(state.version);
            const bool was_run = std::ranges::count(world.done, sql) > 0;
            EXPECT_FALSE(state.applied && was_run) << "after " << steps << " steps";
        }
    }
    FAIL() << "never ended";
}

TEST(migrator, what_is_done_in_a_transaction_is_forgotten_before_its_list_may_go) {
    migration_dialect one_go = known;
    one_go.transactional = true;
    EXPECT_EQ(
        down_steps(one_go, versions[0]),
        (std::vector<std::string>{"delete from v where version = 1;\n", "down 1", "drop v"})
    );
    EXPECT_EQ(
        up_steps(one_go, versions[1]),
        (std::vector<std::string>{
            "up 2",
            "insert into v (version, name, checksum) values (2, 'second', '" +
                checksum(versions[1]) + "');\n"})
    );
}

} // namespace
} // namespace outbox
