#include "bench/publish_wave.hpp"

#include "outbox/base/error.hpp"

#include <chrono>
#include <vector>

namespace outbox::bench {

void publish_wave(kafka_target& to, std::span<const stored_message> messages) {
    std::vector<const stored_message*> wave;
    for (const auto& each : messages)
        wave.push_back(&each);
    to.deliver(wave);
    std::vector<delivery_outcome> outcomes;
    for (std::size_t answered = 0; answered < wave.size();) {
        outcomes.clear();
        to.await(std::chrono::seconds{1}, outcomes);
        answered += outcomes.size();
        for (const auto& outcome : outcomes)
            if (outcome.fate != fate::delivered)
                throw error{error_kind::io, "the broker did not take a message: " + outcome.reason};
    }
}

} // namespace outbox::bench
