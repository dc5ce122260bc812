#include "outbox/store/connection_notes.hpp"

#include <cstddef>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace outbox {
namespace {

// Notes of connections that are long gone; forgetting a living one costs it one trip.
constexpr std::size_t notes_max = 10'000;

using key = std::pair<const void*, std::string>;

struct key_hash {
    std::size_t operator()(const key& k) const noexcept {
        return std::hash<const void*>{}(k.first) * 31 + std::hash<std::string>{}(k.second);
    }
};

struct notebook {
    std::mutex mutex;
    std::unordered_map<key, connection_note, key_hash> notes;
};

notebook& all_notes() {
    static notebook* const forever = new notebook; // outlives every user's static connection
    return *forever;
}

} // namespace

std::optional<connection_note>
recall_note(const void* connection, const outbox_name& to, tick_point now) {
    notebook& all = all_notes();
    const std::lock_guard lock{all.mutex};
    const auto found = all.notes.find({connection, to.text()});
    if (found == all.notes.end() || now - found->second.asked_at > note_age_max)
        return std::nullopt;
    return found->second;
}

void remember_note(const void* connection, const outbox_name& to, const connection_note& note) {
    notebook& all = all_notes();
    const std::lock_guard lock{all.mutex};
    if (all.notes.size() >= notes_max)
        all.notes.clear();
    all.notes[{connection, to.text()}] = note;
}

void forget_note(const void* connection, const outbox_name& to) noexcept {
    notebook& all = all_notes();
    const std::lock_guard lock{all.mutex};
    all.notes.erase({connection, to.text()});
}

} // namespace outbox
