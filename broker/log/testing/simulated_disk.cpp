#include "broker/log/testing/simulated_disk.hpp"

#include "broker/log/format.hpp"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace outbox::broker::testing {
namespace {

std::error_code make(std::errc code) {
    return std::make_error_code(code);
}

struct change {
    bool is_truncate = false;
    std::uint64_t position = 0; // of a write; the new size of a truncate
    bytes data;
};

void apply_change(const change& c, bytes& content) {
    if (c.is_truncate) {
        content.resize(c.position, '\0');
        return;
    }
    if (content.size() < c.position + c.data.size())
        content.resize(c.position + c.data.size(), '\0');
    content.replace(c.position, c.data.size(), c.data);
}

struct node {
    bool is_directory = false;
    // A file.
    bytes cached;
    bytes durable;
    std::vector<change> pending;
    // A directory.
    std::map<std::string, std::shared_ptr<node>> entries;
    std::map<std::string, std::shared_ptr<node>> durable_entries;
    struct name_change {
        std::string removed;
        std::string added;
        std::shared_ptr<node> target;
    };
    std::vector<name_change> pending_names;

    void change_names(name_change c) {
        apply_names(c, entries);
        pending_names.push_back(std::move(c));
    }
    static void
    apply_names(const name_change& c, std::map<std::string, std::shared_ptr<node>>& names) {
        if (!c.removed.empty())
            names.erase(c.removed);
        if (!c.added.empty())
            names[c.added] = c.target;
    }
};

std::vector<std::string> parts_of(const std::string& path) {
    std::vector<std::string> parts;
    std::string part;
    for (const char c : path + "/") {
        if (c != '/') {
            part += c;
        } else if (!part.empty()) {
            parts.push_back(part);
            part.clear();
        }
    }
    return parts;
}

struct injection {
    std::string part;
    int left = 0;
    bool hits(const std::string& path) {
        if (left <= 0 || path.find(part) == std::string::npos)
            return false;
        --left;
        return true;
    }
};

} // namespace

struct simulated_disk::state {
    mutable std::mutex mutex;
    std::condition_variable released; // no sync is held any more
    std::condition_variable arrived;  // a sync is held
    std::shared_ptr<node> root = std::make_shared<node>();
    std::set<std::string> locks;
    std::uint64_t steps = 0;
    std::uint64_t cut_at = never;
    std::uint64_t capacity = never;
    std::uint64_t file_syncs = 0;
    std::uint64_t reads = 0;
    std::uint64_t read_bytes = 0;
    std::size_t write_size_max = std::numeric_limits<std::size_t>::max();
    injection sync_failures;
    injection directory_sync_failures;
    injection write_failures;
    std::string read_part;
    std::function<void()> before_read;
    bool holding = false;
    int held = 0;

    /// Counts one change; false if the power is off before it.
    bool step(std::error_code& ec) {
        if (steps >= cut_at) {
            ec = make(std::errc::io_error);
            return false;
        }
        ++steps;
        ec.clear();
        return true;
    }
    std::function<void()> take_before_read(const std::string& path) {
        const std::lock_guard lock{mutex};
        return before_read && path.find(read_part) != std::string::npos
                   ? std::exchange(before_read, {})
                   : std::function<void()>();
    }
    /// Did the power go off during the step just counted?
    bool is_off() const { return steps >= cut_at; }

    std::shared_ptr<node> find(const std::string& path) const {
        std::shared_ptr<node> at = root;
        for (const std::string& part : parts_of(path)) {
            if (!at->is_directory)
                return nullptr;
            const auto found = at->entries.find(part);
            if (found == at->entries.end())
                return nullptr;
            at = found->second;
        }
        return at;
    }
    /// The directory of `path` and the last name.
    std::pair<std::shared_ptr<node>, std::string> find_parent(const std::string& path) const {
        auto parts = parts_of(path);
        if (parts.empty())
            return {nullptr, {}};
        const std::string name = parts.back();
        std::string parent;
        for (std::size_t i = 0; i + 1 < parts.size(); ++i)
            parent += "/" + parts[i];
        auto found = find(parent);
        if (!found || !found->is_directory)
            return {nullptr, {}};
        return {found, name};
    }
    std::uint64_t used() const {
        std::uint64_t sum = 0;
        std::function<void(const node&)> add = [&](const node& at) {
            sum += at.cached.size();
            for (const auto& [name, child] : at.entries)
                add(*child);
        };
        add(*root);
        return sum;
    }
};

class simulated_file final : public disk_file {
public:
    simulated_file(
        std::shared_ptr<simulated_disk::state> state,
        std::shared_ptr<node> file,
        std::string path
    )
        : state_(std::move(state))
        , node_(std::move(file))
        , path_(std::move(path)) {}

    std::size_t
    read_at(std::uint64_t position, char* out, std::size_t size, std::error_code& ec) override {
        if (const auto first = state_->take_before_read(path_))
            first();
        const std::lock_guard lock{state_->mutex};
        ec.clear();
        if (state_->is_off()) {
            ec = make(std::errc::io_error);
            return 0;
        }
        if (position >= node_->cached.size())
            return 0;
        const std::size_t got = node_->cached.copy(out, size, static_cast<std::size_t>(position));
        ++state_->reads;
        state_->read_bytes += got;
        return got;
    }

    std::size_t
    write_at(std::uint64_t position, std::span<const bytes_view> parts, std::error_code& ec)
        override {
        const std::lock_guard lock{state_->mutex};
        if (!state_->step(ec))
            return 0;
        bytes data;
        for (const bytes_view part : parts)
            data.append(part);
        std::size_t size = std::min(data.size(), state_->write_size_max);
        const std::uint64_t used = state_->capacity == simulated_disk::never ? 0 : state_->used();
        const std::uint64_t end = position + size;
        const std::uint64_t grows = end > node_->cached.size() ? end - node_->cached.size() : 0;
        const std::uint64_t room = state_->capacity > used ? state_->capacity - used : 0;
        if (grows > room)
            size -= static_cast<std::size_t>(std::min<std::uint64_t>(grows - room, size));
        const bool fails = state_->write_failures.hits(path_);
        if (fails)
            size /= 2;
        if (size > 0) {
            change c{false, position, data.substr(0, size)};
            apply_change(c, node_->cached);
            node_->pending.push_back(std::move(c));
        }
        if (fails || state_->is_off())
            ec = make(std::errc::io_error);
        else if (size == 0 && !data.empty())
            ec = make(std::errc::no_space_on_device);
        return ec ? 0 : size;
    }

    void sync_data(std::error_code& ec) override {
        std::unique_lock lock{state_->mutex};
        if (state_->holding) {
            ++state_->held;
            state_->arrived.notify_all();
            state_->released.wait(lock, [&] { return !state_->holding; });
            --state_->held;
        }
        if (!state_->step(ec))
            return;
        ++state_->file_syncs;
        if (state_->is_off()) {
            ec = make(std::errc::io_error);
            return;
        }
        if (state_->sync_failures.hits(path_)) {
            // As Linux does: the error is told once, the pages count as clean, the disk has none of
            // it.
            node_->pending.clear();
            ec = make(std::errc::io_error);
            return;
        }
        for (const change& c : node_->pending)
            apply_change(c, node_->durable);
        node_->pending.clear();
    }

    std::uint64_t size(std::error_code& ec) override {
        const std::lock_guard lock{state_->mutex};
        ec.clear();
        if (state_->is_off())
            ec = make(std::errc::io_error);
        return node_->cached.size();
    }

    void truncate(std::uint64_t size, std::error_code& ec) override {
        const std::lock_guard lock{state_->mutex};
        if (size == node_->cached.size()) {
            ec.clear();
            if (state_->is_off())
                ec = make(std::errc::io_error);
            return;
        }
        if (!state_->step(ec))
            return;
        change c{true, size, {}};
        apply_change(c, node_->cached);
        node_->pending.push_back(std::move(c));
        if (state_->is_off())
            ec = make(std::errc::io_error);
    }

private:
    std::shared_ptr<simulated_disk::state> state_;
    std::shared_ptr<node> node_;
    std::string path_;
};

namespace {

class simulated_lock final : public disk_lock {
public:
    explicit simulated_lock(std::function<void()> release) : release_(std::move(release)) {}
    ~simulated_lock() override { release_(); }

private:
    std::function<void()> release_;
};

} // namespace

simulated_disk::simulated_disk() : state_(std::make_shared<state>()) {
    state_->root->is_directory = true;
}
simulated_disk::~simulated_disk() = default;

std::unique_ptr<disk_file>
simulated_disk::open(const std::string& path, open_mode mode, std::error_code& ec) {
    const std::lock_guard lock{state_->mutex};
    ec.clear();
    if (state_->is_off()) {
        ec = make(std::errc::io_error);
        return nullptr;
    }
    auto found = state_->find(path);
    if (found && (found->is_directory || mode == open_mode::create_new)) {
        ec = make(found->is_directory ? std::errc::is_a_directory : std::errc::file_exists);
        return nullptr;
    }
    if (!found) {
        const auto [parent, name] = state_->find_parent(path);
        if (mode == open_mode::read_write || !parent) {
            ec = make(std::errc::no_such_file_or_directory);
            return nullptr;
        }
        if (!state_->step(ec))
            return nullptr;
        found = std::make_shared<node>();
        parent->change_names({{}, name, found});
        if (state_->is_off()) {
            ec = make(std::errc::io_error);
            return nullptr;
        }
    }
    return std::make_unique<simulated_file>(state_, found, path);
}

std::unique_ptr<disk_lock> simulated_disk::lock(const std::string& path, std::error_code& ec) {
    if (!open(path, open_mode::create, ec))
        return nullptr;
    const std::lock_guard guard{state_->mutex};
    if (!state_->locks.insert(path).second) {
        ec = make(std::errc::resource_unavailable_try_again);
        return nullptr;
    }
    return std::make_unique<simulated_lock>([held = state_, path] {
        const std::lock_guard release{held->mutex};
        held->locks.erase(path);
    });
}

std::vector<std::string> simulated_disk::list(const std::string& directory, std::error_code& ec) {
    const std::lock_guard lock{state_->mutex};
    ec.clear();
    std::vector<std::string> names;
    const auto found = state_->find(directory);
    if (state_->is_off())
        ec = make(std::errc::io_error);
    else if (!found)
        ec = make(std::errc::no_such_file_or_directory);
    else if (!found->is_directory)
        ec = make(std::errc::not_a_directory);
    else
        for (const auto& [name, child] : found->entries)
            names.push_back(name);
    return names;
}

bool simulated_disk::exists(const std::string& path, std::error_code& ec) {
    const std::lock_guard lock{state_->mutex};
    ec.clear();
    if (state_->is_off())
        ec = make(std::errc::io_error);
    return state_->find(path) != nullptr;
}

void simulated_disk::make_directory(const std::string& path, std::error_code& ec) {
    const std::lock_guard lock{state_->mutex};
    ec.clear();
    if (state_->find(path))
        return;
    const auto [parent, name] = state_->find_parent(path);
    if (!parent) {
        ec = make(std::errc::no_such_file_or_directory);
        return;
    }
    if (!state_->step(ec))
        return;
    auto fresh = std::make_shared<node>();
    fresh->is_directory = true;
    parent->change_names({{}, name, fresh});
    if (state_->is_off())
        ec = make(std::errc::io_error);
}

void simulated_disk::rename(const std::string& from, const std::string& to, std::error_code& ec) {
    const std::lock_guard lock{state_->mutex};
    const auto target = state_->find(from);
    const auto [old_parent, old_name] = state_->find_parent(from);
    const auto [new_parent, new_name] = state_->find_parent(to);
    if (!target || old_parent != new_parent || !new_parent) {
        ec = make(target ? std::errc::cross_device_link : std::errc::no_such_file_or_directory);
        return;
    }
    if (!state_->step(ec))
        return;
    new_parent->change_names({old_name, new_name, target});
    if (state_->is_off())
        ec = make(std::errc::io_error);
}

void simulated_disk::unlink(const std::string& path, std::error_code& ec) {
    const std::lock_guard lock{state_->mutex};
    const auto target = state_->find(path);
    if (!target || target->is_directory) {
        ec = make(target ? std::errc::is_a_directory : std::errc::no_such_file_or_directory);
        return;
    }
    if (!state_->step(ec))
        return;
    const auto [parent, name] = state_->find_parent(path);
    parent->change_names({name, {}, nullptr});
    if (state_->is_off())
        ec = make(std::errc::io_error);
}

void simulated_disk::remove_directory(const std::string& path, std::error_code& ec) {
    const std::lock_guard lock{state_->mutex};
    const auto target = state_->find(path);
    if (!target || !target->is_directory || !target->entries.empty()) {
        ec = make(!target ? std::errc::no_such_file_or_directory : std::errc::directory_not_empty);
        return;
    }
    if (!state_->step(ec))
        return;
    const auto [parent, name] = state_->find_parent(path);
    parent->change_names({name, {}, nullptr});
    if (state_->is_off())
        ec = make(std::errc::io_error);
}

void simulated_disk::sync_directory(const std::string& directory, std::error_code& ec) {
    const std::lock_guard lock{state_->mutex};
    const auto found = state_->find(directory);
    if (!found) {
        ec = make(std::errc::no_such_file_or_directory);
        return;
    }
    if (!state_->step(ec))
        return;
    if (state_->is_off() || state_->directory_sync_failures.hits(directory)) {
        ec = make(std::errc::io_error);
        return;
    }
    found->durable_entries = found->entries;
    found->pending_names.clear();
}

std::uint64_t simulated_disk::steps() const {
    const std::lock_guard lock{state_->mutex};
    return state_->steps;
}
void simulated_disk::cut_power_at(std::uint64_t at) {
    const std::lock_guard lock{state_->mutex};
    state_->cut_at = at;
}
bool simulated_disk::power_is_off() const {
    const std::lock_guard lock{state_->mutex};
    return state_->is_off();
}

std::unique_ptr<simulated_disk>
simulated_disk::after_power_cut(unsynced what, random_source& random) const {
    const std::lock_guard lock{state_->mutex};
    std::map<const node*, std::shared_ptr<node>> clones;
    const std::function<std::shared_ptr<node>(const node&)> clone = [&](const node& from
                                                                    ) -> std::shared_ptr<node> {
        if (const auto known = clones.find(&from); known != clones.end())
            return known->second;
        auto to = std::make_shared<node>();
        clones[&from] = to;
        to->is_directory = from.is_directory;
        if (from.is_directory) {
            auto names = from.durable_entries;
            if (what == unsynced::kept) {
                names = from.entries;
            } else if (what == unsynced::torn) {
                // Either the journal kept the order and lost the end, or each change went its own
                // way.
                const bool in_order = random.below(2) == 0;
                const std::uint64_t kept = random.below(from.pending_names.size() + 1);
                for (std::size_t i = 0; i < from.pending_names.size(); ++i) {
                    if (in_order ? i < kept : random.below(2) == 0)
                        node::apply_names(from.pending_names[i], names);
                }
            }
            for (const auto& [name, child] : names)
                to->entries[name] = clone(*child);
            to->durable_entries = to->entries;
            return to;
        }
        bytes image = from.durable;
        if (what == unsynced::kept) {
            image = from.cached;
        } else if (what == unsynced::torn && !from.pending.empty()) {
            // Three moments of each sector: before, after all changes, and one in between.
            bytes between = from.durable;
            bytes after = from.durable;
            const std::uint64_t count = random.below(from.pending.size() + 1);
            for (std::size_t i = 0; i < from.pending.size(); ++i) {
                apply_change(from.pending[i], after);
                if (i < count)
                    apply_change(from.pending[i], between);
            }
            const bytes* const moments[] = {&from.durable, &between, &after};
            const std::size_t size = moments[random.below(3)]->size();
            const std::uint64_t bias = random.below(3); // mostly lost, half, mostly kept
            image.assign(size, '\0');
            for (std::size_t at = 0; at < size; at += format::sector_bytes) {
                std::uint64_t pick = random.below(3);
                if (bias != 1 && random.below(4) != 0)
                    pick = bias;
                const bytes& moment = *moments[pick];
                for (std::size_t i = at; i < std::min(at + format::sector_bytes, size); ++i)
                    image[i] = i < moment.size() ? moment[i] : '\0';
            }
        }
        to->cached = to->durable = image;
        return to;
    };
    auto next = std::make_unique<simulated_disk>();
    next->state_->root = clone(*state_->root);
    return next;
}

void simulated_disk::set_capacity(std::uint64_t capacity_bytes) {
    const std::lock_guard lock{state_->mutex};
    state_->capacity = capacity_bytes;
}
std::uint64_t simulated_disk::used_bytes() const {
    const std::lock_guard lock{state_->mutex};
    return state_->used();
}
void simulated_disk::set_write_size_max(std::size_t size) {
    const std::lock_guard lock{state_->mutex};
    state_->write_size_max = size;
}
void simulated_disk::fail_syncs(const std::string& part, int count) {
    const std::lock_guard lock{state_->mutex};
    state_->sync_failures = {part, count};
}
void simulated_disk::fail_directory_syncs(const std::string& part, int count) {
    const std::lock_guard lock{state_->mutex};
    state_->directory_sync_failures = {part, count};
}
void simulated_disk::fail_writes(const std::string& part, int count) {
    const std::lock_guard lock{state_->mutex};
    state_->write_failures = {part, count};
}
void simulated_disk::hold_syncs(bool hold) {
    {
        const std::lock_guard lock{state_->mutex};
        state_->holding = hold;
    }
    state_->released.notify_all();
}
void simulated_disk::await_held_sync() {
    std::unique_lock lock{state_->mutex};
    state_->arrived.wait(lock, [&] { return state_->held > 0; });
}
std::uint64_t simulated_disk::reads() const {
    const std::lock_guard lock{state_->mutex};
    return state_->reads;
}
std::uint64_t simulated_disk::read_bytes() const {
    const std::lock_guard lock{state_->mutex};
    return state_->read_bytes;
}
void simulated_disk::before_next_read(const std::string& part, std::function<void()> what) {
    const std::lock_guard lock{state_->mutex};
    state_->read_part = part;
    state_->before_read = std::move(what);
}
std::uint64_t simulated_disk::file_syncs() const {
    const std::lock_guard lock{state_->mutex};
    return state_->file_syncs;
}

std::vector<std::string> simulated_disk::files() const {
    const std::lock_guard lock{state_->mutex};
    std::vector<std::string> all;
    const std::function<void(const node&, const std::string&)> add = [&](const node& at,
                                                                         const std::string& path) {
        for (const auto& [name, child] : at.entries) {
            if (child->is_directory)
                add(*child, path + "/" + name);
            else
                all.push_back(path + "/" + name);
        }
    };
    add(*state_->root, "");
    std::sort(all.begin(), all.end());
    return all;
}

bytes simulated_disk::content(const std::string& path) const {
    const std::lock_guard lock{state_->mutex};
    const auto found = state_->find(path);
    return found ? found->cached : bytes{};
}

void simulated_disk::set_content(const std::string& path, bytes_view content) {
    const std::lock_guard lock{state_->mutex};
    auto found = state_->find(path);
    if (!found) {
        const auto [parent, name] = state_->find_parent(path);
        found = std::make_shared<node>();
        parent->entries[name] = parent->durable_entries[name] = found;
    }
    found->cached = found->durable = content;
    found->pending.clear();
}

void simulated_disk::flip_bit(const std::string& path, std::size_t byte, int bit) {
    const std::lock_guard lock{state_->mutex};
    const auto found = state_->find(path);
    for (bytes* content : {&found->cached, &found->durable}) {
        if (byte < content->size())
            (*content)[byte] = static_cast<char>((*content)[byte] ^ (1 << bit));
    }
}

} // namespace outbox::broker::testing
