#include "harness/ledger.hpp"

#include "outbox/base/error.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace outbox::harness {

struct ledger::entry {
    const std::string* id = nullptr; // lives in index_, whose nodes do not move
    std::uint32_t key = 0;
    std::int64_t key_sequence = 0;
    std::optional<fate> what; // nothing: never sent
    std::uint32_t arrived_count = 0;
    std::uint32_t applied_count = 0;
    // Of the first arrival.
    std::uint32_t seen_key = 0;
    std::int64_t seen_key_sequence = 0;
    std::int32_t partition = -1;
};

namespace {

constexpr std::size_t names_in_text_max = 20;
constexpr std::size_t names_in_json_max = 1000;

// Every kind of finding, with the name it has in JSON and in text.
struct kind {
    const char* name;
    std::vector<finding> verdict::*list;
};

constexpr kind kinds[] = {
    {"lost", &verdict::lost},
    {"phantom", &verdict::phantom},
    {"altered", &verdict::altered},
    {"order_breaks", &verdict::reordered},
    {"scattered", &verdict::scattered},
    {"rewritten", &verdict::rewritten},
    {"unapplied", &verdict::unapplied},
    {"duplicate_effects", &verdict::duplicate_effects},
    {"duplicate_deliveries", &verdict::duplicate_deliveries},
};

std::int64_t count_of(const verdict& v, const kind& k) {
    if (k.list == &verdict::duplicate_effects)
        return v.duplicate_effect_count;
    if (k.list == &verdict::duplicate_deliveries)
        return v.duplicate_delivery_count;
    return static_cast<std::int64_t>((v.*k.list).size());
}

std::string place(std::string_view key, std::int64_t key_sequence) {
    return key.empty() ? "no key" : "key " + std::string{key} + ", " + std::to_string(key_sequence);
}

std::string times(std::uint32_t count) {
    return std::to_string(count) + " times";
}

} // namespace

ledger::ledger() = default;
ledger::~ledger() = default;
ledger::ledger(ledger&&) noexcept = default;
ledger& ledger::operator=(ledger&&) noexcept = default;

std::uint32_t ledger::key_index(std::string_view key) {
    const auto found = key_index_.find(key);
    if (found != key_index_.end())
        return found->second;
    const auto index = static_cast<std::uint32_t>(key_index_.size());
    key_index_.emplace(key, index);
    return index;
}

ledger::entry& ledger::entry_of(std::string_view id) {
    const auto found = index_.find(id);
    if (found != index_.end())
        return entries_[found->second];
    const auto at = index_.emplace(id, static_cast<std::uint32_t>(entries_.size())).first;
    auto& made = entries_.emplace_back();
    made.id = &at->first;
    return made;
}

void ledger::sent(const sent_message& message, fate what) {
    auto& e = entry_of(message.id);
    const auto key = key_index(message.key);
    if (e.what) {
        const bool same = e.key == key && e.key_sequence == message.key_sequence;
        if (!same || (*e.what != what && *e.what != fate::in_doubt))
            throw usage_error{"ledger: message " + message.id + " was told twice, differently"};
    }
    e.key = key;
    e.key_sequence = message.key_sequence;
    e.what = what;
}

void ledger::arrived(const arrival& seen) {
    ++arrived_count_;
    auto& e = entry_of(seen.id);
    const auto at = static_cast<std::uint32_t>(&e - entries_.data());
    if (e.arrived_count++ == 0) {
        e.seen_key = key_index(seen.key);
        e.seen_key_sequence = seen.key_sequence;
        e.partition = seen.partition;
        arrivals_.push_back(at);
    }
    if (seen.partition < 0)
        return;
    const auto [stood, is_new] =
        places_.try_emplace({.partition = seen.partition, .offset = seen.offset}, at);
    if (!is_new && stood->second != at)
        rewritten_.push_back({
            .id = seen.id,
            .detail = "partition " + std::to_string(seen.partition) + ", offset " +
                      std::to_string(seen.offset) + ", where " + *entries_[stood->second].id +
                      " stood",
        });
}

void ledger::applied(std::string_view id) {
    ++applied_count_;
    ++entry_of(id).applied_count;
}

verdict ledger::judge() const {
    verdict v;
    v.arrived = arrived_count_;
    v.applied = applied_count_;
    v.rewritten = rewritten_;
    std::vector<const std::string*> keys(key_index_.size());
    for (const auto& [key, index] : key_index_)
        keys[index] = &key;

    for (const auto& e : entries_) {
        const auto detail = [&] {
            return e.what ? place(*keys[e.key], e.key_sequence)
                          : place(e.arrived_count ? *keys[e.seen_key] : "", e.seen_key_sequence);
        };
        v.committed += e.what == fate::committed;
        v.rolled_back += e.what == fate::rolled_back;
        v.in_doubt += e.what == fate::in_doubt;
        v.in_doubt_arrived += e.what == fate::in_doubt && e.arrived_count > 0;
        const bool may_arrive = e.what == fate::committed || e.what == fate::in_doubt;
        if (e.what == fate::committed && e.arrived_count == 0)
            v.lost.push_back({.id = *e.id, .detail = detail()});
        if (!may_arrive && (e.arrived_count || e.applied_count))
            v.phantom.push_back({
                .id = *e.id,
                .detail = (e.what ? "rolled back, " : "never sent, ") + detail(),
            });
        if (may_arrive && e.arrived_count &&
            (e.key != e.seen_key || e.key_sequence != e.seen_key_sequence))
            v.altered.push_back({
                .id = *e.id,
                .detail = "sent as " + detail() + "; arrived as " +
                          place(*keys[e.seen_key], e.seen_key_sequence),
            });
        if (may_arrive && e.arrived_count && e.applied_count == 0 && applied_count_ > 0)
            v.unapplied.push_back({.id = *e.id, .detail = detail()});
        if (e.arrived_count > 1) {
            v.duplicate_delivery_count += e.arrived_count - 1;
            v.duplicate_deliveries.push_back({.id = *e.id, .detail = times(e.arrived_count)});
        }
        if (e.applied_count > 1) {
            v.duplicate_effect_count += e.applied_count - 1;
            v.duplicate_effects.push_back({.id = *e.id, .detail = times(e.applied_count)});
        }
    }

    // Order, by first arrivals. A phantom has no place in it.
    struct progress {
        const entry* latest = nullptr; // the one with the highest sequence so far
        std::int32_t partition = -1;
    };
    std::vector<progress> seen(keys.size());
    for (const auto at : arrivals_) {
        const auto& e = entries_[at];
        if (!e.what || *e.what == fate::rolled_back || keys[e.key]->empty())
            continue;
        auto& of_key = seen[e.key];
        if (of_key.latest && e.key_sequence < of_key.latest->key_sequence)
            v.reordered.push_back({
                .id = *e.id,
                .detail = place(*keys[e.key], e.key_sequence) + ", overtaken by " +
                          *of_key.latest->id + " (" + std::to_string(of_key.latest->key_sequence) +
                          ")",
            });
        else
            of_key.latest = &e;
        if (e.partition < 0)
            continue;
        if (of_key.partition >= 0 && e.partition != of_key.partition)
            v.scattered.push_back({
                .id = *e.id,
                .detail = place(*keys[e.key], e.key_sequence) + ", on partition " +
                          std::to_string(e.partition) + " instead of " +
                          std::to_string(of_key.partition),
            });
        else
            of_key.partition = e.partition;
    }
    return v;
}

bool verdict::ok() const noexcept {
    return std::ranges::all_of(kinds, [this](const kind& k) {
        return k.list == &verdict::duplicate_deliveries || (this->*k.list).empty();
    });
}

std::string to_text(const verdict& v) {
    std::string text = "sent: " + std::to_string(v.committed) + " committed, " +
                       std::to_string(v.rolled_back) + " rolled back, " +
                       std::to_string(v.in_doubt) + " in doubt (" +
                       std::to_string(v.in_doubt_arrived) +
                       " of them arrived)\narrived: " + std::to_string(v.arrived) +
                       ", applied: " + std::to_string(v.applied) + "\n";
    for (const auto& k : kinds) {
        text += std::string{k.name} + ": " + std::to_string(count_of(v, k)) + "\n";
        const auto& list = v.*k.list;
        // Duplicate deliveries are no fault: their count is enough.
        const auto shown =
            k.list == &verdict::duplicate_deliveries ? 0 : std::min(list.size(), names_in_text_max);
        for (std::size_t i = 0; i < shown; ++i)
            text += "  " + list[i].id + " (" + list[i].detail + ")\n";
        if (shown && shown < list.size())
            text += "  … and " + std::to_string(list.size() - shown) + " more\n";
    }
    return text;
}

std::string to_json(const verdict& v) {
    nlohmann::ordered_json json{
        {"ok", v.ok()},
        {"committed", v.committed},
        {"rolled_back", v.rolled_back},
        {"in_doubt", v.in_doubt},
        {"in_doubt_arrived", v.in_doubt_arrived},
        {"delivered", v.arrived},
        {"applied", v.applied},
    };
    auto names = nlohmann::ordered_json::object();
    for (const auto& k : kinds) {
        json[k.name] = count_of(v, k);
        auto some = nlohmann::ordered_json::array();
        for (const auto& f : v.*k.list) {
            if (some.size() == names_in_json_max)
                break;
            some.push_back({{"id", f.id}, {"detail", f.detail}});
        }
        names[k.name] = std::move(some);
    }
    json["names"] = std::move(names);
    // An id from a broken broker may be any bytes; the report must not fail on them.
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace outbox::harness
