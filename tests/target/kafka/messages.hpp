#pragma once
// Waves for the tests of this folder.

#include "outbox/message/codec.hpp"
#include "outbox/message/envelope.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace outbox::kafka {

/// Makes stored messages and holds them; `wave()` is what a target takes.
class mailbag {
public:
    stored_message&
    add(std::string subject, std::optional<std::string> key, std::string payload, headers with = {}
    ) {
        auto& made = all_.emplace_back();
        made.seq = static_cast<std::int64_t>(all_.size());
        made.created_at = begin_ + std::chrono::milliseconds{made.seq};
        made.content.id = ids_.next();
        made.content.subject = std::move(subject);
        made.content.key = std::move(key);
        made.content.payload = std::move(payload);
        made.content.headers = with.empty() ? bytes{} : encode_headers(with);
        pointers_.push_back(&made);
        return made;
    }
    const std::vector<const stored_message*>& wave() const noexcept { return pointers_; }
    const stored_message& operator[](std::size_t position) const { return all_[position]; }
    std::size_t size() const noexcept { return all_.size(); }

private:
    std::deque<stored_message> all_; // so that the pointers stay
    std::vector<const stored_message*> pointers_;
    message_id_generator ids_;
    time_point begin_ = system_clock().now(); // a server deletes what is older than its retention
};

} // namespace outbox::kafka
