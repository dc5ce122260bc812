#include "outbox/store/migrator.hpp"

#include "outbox/base/error.hpp"

#include <algorithm>

namespace outbox {
namespace {

// Alone on the database until commit(), or to the end of the block.
class turn {
public:
    explicit turn(migration_session& session) : session_(&session) { session.begin(); }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() {
        if (session_ != nullptr)
            session_->roll_back();
    }
    void commit() {
        session_->commit();
        session_ = nullptr;
    }

private:
    migration_session* session_;
};

std::string text_of(const migration& m) {
    return "version " + std::to_string(m.version) + " (" + std::string{m.name} + ")";
}

std::string joined(const std::vector<std::string>& steps) {
    std::string sql;
    for (const std::string& step : steps) {
        sql += step;
        if (!sql.ends_with('\n'))
            sql += '\n';
    }
    return sql;
}

} // namespace

std::vector<migration_state> migrator::status() {
    return compare(known_.versions, session_->recorded());
}

std::vector<const migration*> migrator::missing() {
    const auto states = status();
    require_usable(states, 0, name_);
    std::vector<const migration*> found;
    for (const migration& m : known_.versions) {
        if (!std::ranges::find(states, m.version, &migration_state::version)->applied)
            found.push_back(&m);
    }
    return found;
}

// The newest first.
std::vector<const migration*> migrator::applied_above(int target) {
    const auto is_known = [&](int version) {
        return std::ranges::find(known_.versions, version, &migration::version) !=
               known_.versions.end();
    };
    if (target != 0 && !is_known(target))
        throw error(
            error_kind::invalid_argument,
            "there is no version " + std::to_string(target) + " of the outbox tables to go back to",
            "`outbox migrate status --db URL` lists them; 0 removes everything"
        );
    const auto states = status();
    require_usable(states, 0, name_);
    std::vector<const migration*> found;
    for (const migration& m : known_.versions) {
        if (m.version > target &&
            std::ranges::find(states, m.version, &migration_state::version)->applied)
            found.push_back(&m);
    }
    std::reverse(found.begin(), found.end());
    return found;
}

std::vector<migration_state> migrator::up() {
    std::vector<migration_state> done;
    while (true) {
        turn alone{*session_};
        const auto left = missing();
        if (left.empty())
            return done;
        const migration& next = *left.front();
        for (const std::string& step : up_steps(known_, next))
            session_->run(step, text_of(next) + " of the outbox tables cannot be applied");
        alone.commit();
        done.push_back({.version = next.version, .name = std::string{next.name}, .applied = true});
    }
}

std::vector<migration_state> migrator::down(int target, if_undelivered fate) {
    std::vector<migration_state> done;
    applied_above(target); // before anything is locked, or made
    while (true) {
        turn alone{*session_};
        const auto left = applied_above(target);
        if (left.empty())
            return done;
        if (fate == if_undelivered::refuse) {
            if (const std::int64_t waiting = session_->undelivered(); waiting > 0)
                throw error(
                    error_kind::conflict,
                    "the outbox holds " + std::to_string(waiting) +
                        " undelivered messages, which could be lost",
                    "let the watchdog deliver them first, or say --force"
                );
        }
        const migration& next = *left.front();
        for (const std::string& step : down_steps(known_, next))
            session_->run(step, text_of(next) + " of the outbox tables cannot be taken back");
        alone.commit();
        done.push_back({.version = next.version, .name = std::string{next.name}});
    }
}

std::string migrator::up_sql() {
    std::string sql;
    if (!session_->is_there()) {
        for (const migration& m : known_.versions)
            sql += joined(up_steps(known_, m));
        return name_.in(sql);
    }
    for (const migration* m : missing())
        sql += joined(up_steps(known_, *m));
    return name_.in(sql);
}

std::string migrator::down_sql(int target) {
    std::string sql;
    for (const migration* m : applied_above(target))
        sql += joined(down_steps(known_, *m));
    return name_.in(sql);
}

} // namespace outbox
