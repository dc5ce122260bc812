#pragma once
// A relay that runs as long as the object lives.

#include "outbox/relay/relay.hpp"
#include "outbox/testing/recording_target.hpp"

#include <memory>
#include <thread>

namespace outbox::testing {

class running_relay {
public:
    running_relay(database& from, recording& into, outcome_observer* observer)
        : relay_(
              from,
              std::make_unique<recording_target>(into),
              {.owner = "test", .observer = observer}
          )
        , thread_([this] { relay_.run(); }) {}
    running_relay(const running_relay&) = delete;
    running_relay& operator=(const running_relay&) = delete;
    ~running_relay() {
        relay_.request_stop();
        thread_.join();
    }

private:
    relay relay_;
    std::thread thread_;
};

} // namespace outbox::testing
