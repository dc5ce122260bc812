#include "outbox/base/fault.hpp"

#ifdef OUTBOX_FAULTS

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

namespace outbox {
namespace {

struct plan {
    std::string name{};
    std::atomic<long> remaining{0};

    plan() {
        const char* text = std::getenv("OUTBOX_FAULT");
        if (text == nullptr)
            return;
        const std::string_view all{text};
        const auto colon = all.rfind(':');
        name = all.substr(0, colon);
        remaining = colon == std::string_view::npos ? 1 : std::atol(text + colon + 1);
    }
};

} // namespace

void fault_point(const char* name) noexcept {
    static plan chosen;
    if (!chosen.name.empty() && chosen.name == name && --chosen.remaining == 0)
        ::kill(::getpid(), SIGKILL);
}

bool broken_on_purpose(const char* name) noexcept {
    static const char* const chosen = std::getenv("OUTBOX_BREAK");
    return chosen != nullptr && std::string_view{chosen} == name;
}

} // namespace outbox

#endif
