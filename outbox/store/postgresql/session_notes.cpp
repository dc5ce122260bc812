#include "outbox/store/postgresql/session_notes.hpp"

#include "outbox/base/hex.hpp"
#include "outbox/base/random.hpp"
#include "outbox/store/postgresql/put.hpp"

#include <array>
#include <cstddef>
#include <mutex>
#include <unordered_map>

namespace outbox::postgresql {
namespace {

// Notes of connections that are long gone; forgetting a living one costs it one trip.
constexpr std::size_t notes_max = 10'000;

struct entry {
    int server_process = 0;
    session_note note{};
};

struct notebook {
    std::mutex mutex;
    std::unordered_map<const void*, entry> entries;
};

notebook& all_notes() {
    static notebook* const forever = new notebook; // outlives every user's static connection
    return *forever;
}

} // namespace

std::string session_note::statement_to_prepare() const {
    if (literal || !statement.empty())
        return {};
    std::array<unsigned char, 6> unique{};
    system_random().fill(unique);
    return "outbox_put_" + to_hex({reinterpret_cast<const char*>(unique.data()), unique.size()});
}

std::string session_note::write(std::span<const envelope> rows) const {
    return statement.empty() ? put::insert(rows) : put::execute(statement, rows);
}

session_note recall(const void* connection, int server_process) {
    notebook& all = all_notes();
    const std::lock_guard lock{all.mutex};
    const auto found = all.entries.find(connection);
    if (found == all.entries.end() || found->second.server_process != server_process)
        return {};
    return found->second.note;
}

void remember(const void* connection, int server_process, const session_note& note) {
    notebook& all = all_notes();
    const std::lock_guard lock{all.mutex};
    if (all.entries.size() >= notes_max)
        all.entries.clear();
    all.entries[connection] = {.server_process = server_process, .note = note};
}

} // namespace outbox::postgresql
