#include "outbox/consumer/handler_call.hpp"

#include <algorithm>
#include <exception>
#include <string>

namespace outbox {
namespace {

bool is_failure(const outcome& said) noexcept {
    return said.kind() == outcome_kind::retry || said.kind() == outcome_kind::retry_after;
}

} // namespace

bool lets_pass(const std::function<bool()>& gate) {
    try {
        return !gate || gate();
    } catch (...) {
        return false;
    }
}

outcome gate_is_closed() {
    return outcome::unavailable("the gate is closed");
}

void excuse(std::span<outcome> said, const std::function<bool()>& gate) {
    if (std::any_of(said.begin(), said.end(), is_failure) && !lets_pass(gate))
        std::replace_if(said.begin(), said.end(), is_failure, gate_is_closed());
}

void call_safely(
    const handler_function& handle,
    const consumer_options& options,
    std::span<const delivery* const> messages,
    bool probes,
    std::vector<outcome>& said
) {
    said.clear();
    if (probes && !lets_pass(options.gate)) {
        said.assign(messages.size(), gate_is_closed());
        return;
    }
    std::string why;
    try {
        handle(messages, said);
        if (said.size() != messages.size())
            why = "a batch handler returned " + std::to_string(said.size()) + " outcomes for " +
                  std::to_string(messages.size()) + " messages";
    } catch (const std::exception& e) {
        why = e.what();
        if (why.empty())
            why = "threw an exception without words";
    } catch (...) {
        why = "threw something that is no std::exception";
    }
    if (!why.empty())
        said.assign(messages.size(), outcome::retry(why));
    excuse(said, options.gate);
}

} // namespace outbox
