#include "outbox/base/clock.hpp"

namespace outbox {
namespace {

class operating_system_clock final : public clock {
public:
    tick_point ticks() const override { return std::chrono::steady_clock::now(); }
    time_point now() const override { return std::chrono::system_clock::now(); }
};

} // namespace

const clock& system_clock() noexcept {
    static const operating_system_clock instance;
    return instance;
}

} // namespace outbox
