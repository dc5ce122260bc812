#include "tests/crash/redis_points.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/fault.hpp"
#include "outbox/base/unique_fd.hpp"
#include "outbox/consumer/idempotency/idempotency_checker.hpp"
#include "outbox/consumer/idempotency/redis/hiredis.hpp"
#include "outbox/consumer/idempotency/redis/redis_claim_store.hpp"
#include "tools/demo/points_order.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace outbox::demo {
namespace {

using namespace std::chrono_literals;

class redis_points_book final : public points_book {
public:
    redis_points_book(std::uint16_t port, const std::filesystem::path& file)
        : file_(file)
        , out_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600))
        , checker_(points_group(), [port] {
            const retention keep{
                14 * 24h,
                redelivery_horizon::of({.relay_outage = 24h, .broker_retention = 7 * 24h})};
            return open_redis_claims(connect_hiredis({.port = port, .timeout = 2s}), keep);
        }) {
        if (!out_)
            throw error(error_kind::io, "cannot write " + file.string());
    }

    void open_for_business() override {}

    void give_point(const group_name&, const delivery& d) override {
        const order_facts order = read_order(d);
        claim_lease lease{checker_, d.id, 500ms};
        if (lease.state() == claim_state::in_progress)
            throw error(error_kind::conflict, "somebody has it, or died with it");
        if (lease.state() == claim_state::done)
            return append("copy\n");
        OUTBOX_FAULT("points.claimed");
        append("point " + d.id.text() + " " + order.customer + " " + order.position + "\n");
        OUTBOX_FAULT("points.applied");
        lease.complete();
        OUTBOX_FAULT("points.committed");
    }

    std::vector<effect> effects() override {
        std::vector<effect> all;
        std::ifstream in{file_};
        for (std::string line; std::getline(in, line);) {
            std::istringstream words{line};
            std::string what;
            effect e;
            if (words >> what >> e.message_id >> e.customer >> e.position && what == "point")
                all.push_back(e);
        }
        return all;
    }
    std::int64_t effect_count() override {
        std::set<std::string> messages;
        for (const effect& each : effects())
            messages.insert(each.message_id);
        return static_cast<std::int64_t>(messages.size());
    }
    std::int64_t points() override { return static_cast<std::int64_t>(effects().size()); }
    std::int64_t suppressed() override {
        std::int64_t count = 0;
        std::ifstream in{file_};
        for (std::string line; std::getline(in, line);)
            count += line == "copy" ? 1 : 0;
        return count;
    }
    bool effects_may_repeat() const override { return true; }

private:
    // One write, so that no two lines are mixed and none is half; what is written survives its
    // writer.
    void append(const std::string& line) {
        if (::write(out_.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
            throw error(error_kind::io, "cannot write " + file_.string());
    }

    std::filesystem::path file_;
    unique_fd out_;
    idempotency_checker checker_;
};

} // namespace

std::unique_ptr<points_book>
open_redis_points_book(std::uint16_t port, const std::filesystem::path& file) {
    return std::make_unique<redis_points_book>(port, file);
}

} // namespace outbox::demo
