#include "outbox/store/postgresql/session_notes.hpp"

#include "outbox/base/hex.hpp"
#include "outbox/base/random.hpp"
#include "outbox/store/postgresql/put.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace outbox::postgresql {
namespace {

// Notes of connections that are long gone; forgetting a living one costs it one trip.
constexpr std::size_t notes_max = 10'000;

struct entry {
    int server_process = 0;
    bool literal = false;
    std::vector<session_note> notes{};
};

struct notebook {
    std::mutex mutex;
    std::unordered_map<const void*, entry> entries;
};

notebook& all_notes() {
    static notebook* const forever = new notebook; // outlives every user's static connection
    return *forever;
}

std::string fresh_name(const char* begin) {
    std::array<unsigned char, 6> unique{};
    system_random().fill(unique);
    return begin + to_hex({reinterpret_cast<const char*>(unique.data()), unique.size()});
}

} // namespace

std::string session_note::statement_to_prepare() const {
    return literal || !statement.empty() ? std::string{} : fresh_name("outbox_put_");
}

std::string session_note::noting_statement_to_prepare() const {
    return literal || !noting_statement.empty() ? std::string{} : fresh_name("outbox_note_");
}

std::string session_note::write(std::span<const envelope> rows) const {
    return statement.empty() ? put::insert(to, rows) : put::execute(to, statement, rows);
}

session_note recall(const void* connection, int server_process, const outbox_name& to) {
    session_note known{.to = to};
    notebook& all = all_notes();
    const std::lock_guard lock{all.mutex};
    const auto found = all.entries.find(connection);
    if (found == all.entries.end() || found->second.server_process != server_process)
        return known;
    const std::vector<session_note>& notes = found->second.notes;
    if (const auto note = std::ranges::find(notes, to, &session_note::to); note != notes.end())
        known = *note;
    if ((known.literal = found->second.literal)) { // they have vanished
        known.statement.clear();
        known.noting_statement.clear();
    }
    return known;
}

void remember(const void* connection, int server_process, const session_note& note) {
    notebook& all = all_notes();
    const std::lock_guard lock{all.mutex};
    if (all.entries.size() >= notes_max)
        all.entries.clear();
    entry& known = all.entries[connection];
    if (known.server_process != server_process)
        known = {.server_process = server_process, .literal = false, .notes = {}};
    known.literal |= note.literal;
    const auto old = std::ranges::find(known.notes, note.to, &session_note::to);
    if (old == known.notes.end())
        known.notes.push_back(note);
    else
        *old = note;
}

} // namespace outbox::postgresql
