#include "outbox/relay/numbered_store.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/fault.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/base/log.hpp"
#include "outbox/message/codec.hpp"

#include <array>
#include <utility>

namespace outbox {
namespace {

std::string new_source(random_source& random) {
    std::array<unsigned char, 16> id{};
    random.fill(id);
    return to_hex({reinterpret_cast<const char*>(id.data()), id.size()});
}

void put_number(stored_message& m, int shard, const std::string& source, std::int64_t number) {
    append_headers(
        m.content.headers,
        {{std::string{header_name::source}, source},
         {std::string{header_name::shard}, std::to_string(shard)},
         {std::string{header_name::number}, std::to_string(number)}}
    );
}

std::size_t size_of(const stored_message& m) {
    return m.content.payload.size() + m.content.headers.size() +
           (m.content.key ? m.content.key->size() : 0);
}

slice nothing(const cursor& at, bool more) {
    return {.messages = {}, .after = at, .more = more};
}

bool is_end(const slice& s) {
    return s.messages.empty() && !s.more && !s.stalled;
}

} // namespace

numbered_store::numbered_store(
    std::unique_ptr<relay_store> inner,
    random_source& random,
    numbering_limits limits
)
    : inner_(std::move(inner))
    , book_(inner_->intents())
    , random_(&random)
    , limits_(limits) {
    if (book_ == nullptr)
        throw error(
            error_kind::invalid_argument,
            "the store of this database cannot number messages",
            "switch numbers off"
        );
}

lease_answer numbered_store::acquire(
    int shard,
    const std::string& owner,
    std::chrono::milliseconds duration,
    const std::string& doorbell
) {
    reign_.reset();
    lease_answer answer = inner_->acquire(shard, owner, duration, doorbell);
    if (!answer.granted)
        return answer;
    reign r{.shard = shard, .source = new_source(*random_), .begin = answer.granted->from};
    const claim_answer claimed = book_->claim(shard, answer.granted->epoch, r.source);
    if (claimed.result !=
        write_result::done) // a successor was faster, or SQLite is busy: ask again
        return {.granted = std::nullopt, .holder = answer.holder, .held_for = {}};
    r.next_place = claimed.next_place;
    OUTBOX_FAULT("numbered.claimed");
    take_over(r, book_->load(shard));
    log(log_level::info,
        "numbers",
        "shard " + std::to_string(shard) + " is numbered as source " + r.source +
            (r.old_messages.empty() ? ""
                                    : "; first, " + std::to_string(r.old_messages.size()) +
                                          " messages go out again under the numbers they have"));
    reign_ = std::move(r);
    return answer;
}

void numbered_store::take_over(reign& r, const std::vector<intent>& left) {
    for (const intent& i : left) {
        r.old_intents.push_back(
            {.place = i.place, .source = i.source, .unpassed = i.messages.size()}
        );
        for (std::size_t k = 0; k < i.messages.size(); ++k) {
            r.old_by_row.emplace(i.messages[k], r.old_messages.size());
            old_message& old = r.old_messages.emplace_back();
            old.intent = r.old_intents.size() - 1;
            old.number = i.first_number + static_cast<std::int64_t>(k);
        }
    }
    r.unpassed_intents = r.old_intents.size();
    r.collected_to = r.begin;
    r.now = r.old_messages.empty() ? phase::numbering : phase::collecting;
}

numbered_store::reign& numbered_store::current(int shard) {
    if (!reign_ || reign_->shard != shard)
        throw error(
            error_kind::conflict,
            "messages cannot be numbered: this session has not taken the lease of shard " +
                std::to_string(shard),
            "acquire it first"
        );
    return *reign_;
}

numbered_store::old_message* numbered_store::old_one(reign& r, const stored_message& m) {
    if (r.old_by_row.empty())
        return nullptr;
    const auto at = r.old_by_row.find(bound(m.seq, m.content.id));
    return at == r.old_by_row.end() ? nullptr : &r.old_messages[at->second];
}

slice numbered_store::read(int shard, const cursor& from, const slice_limits& limits) {
    reign& r = current(shard);
    switch (r.now) {
    case phase::collecting:
        return collect(r, from, limits);
    case phase::sending_again:
        return send_again(r, from, limits);
    case phase::numbering:
        break;
    }
    return read_new(r, from, limits);
}

// The first pass, one slice a call, so that the caller can see to its lease.
slice numbered_store::collect(reign& r, const cursor& from, const slice_limits& limits) {
    slice found = inner_->read(r.shard, r.collected_to, limits);
    r.collected_to = found.after;
    const bool at_end = is_end(found);
    for (stored_message& m : found.messages) {
        old_message* old = old_one(r, m);
        if (old != nullptr && !old->found) {
            old->found = std::move(m);
            ++r.found_count;
        }
    }
    if (at_end || r.found_count == r.old_messages.size())
        end_collecting(r);
    return nothing(from, !found.stalled);
}

void numbered_store::end_collecting(reign& r) {
    r.now = phase::sending_again;
    if (r.found_count == r.old_messages.size())
        return;
    std::vector<std::size_t> missing(r.old_intents.size(), 0);
    for (const old_message& old : r.old_messages)
        missing[old.intent] += old.found ? 0 : 1;
    for (std::size_t i = 0; i < missing.size(); ++i) {
        if (missing[i] == 0)
            continue;
        const old_intent& of = r.old_intents[i];
        log(log_level::error,
            "numbers",
            "of " + std::to_string(of.unpassed) + " messages that were numbered as source " +
                of.source + ", place " + std::to_string(of.place) + ", " +
                std::to_string(missing[i]) +
                " are not in the outbox any more. Unless somebody has discarded them, or a relay "
                "without numbers has delivered them, they are lost; their numbers stay unused");
    }
}

slice numbered_store::send_again(reign& r, const cursor& from, const slice_limits& limits) {
    slice again = nothing(from, true);
    std::size_t again_bytes = 0;
    for (; r.send_again_from < r.old_messages.size(); ++r.send_again_from) {
        old_message& old = r.old_messages[r.send_again_from];
        if (!old.found)
            continue;
        const std::size_t size = size_of(*old.found);
        if (!again.messages.empty() && (again.messages.size() >= limits.message_count_max ||
                                        again_bytes + size > limits.bytes_max))
            return again;
        again_bytes += size;
        put_number(*old.found, r.shard, r.old_intents[old.intent].source, old.number);
        again.messages.push_back(*std::exchange(old.found, std::nullopt));
        old.handed_out = true;
    }
    r.now = phase::numbering;
    return again;
}

slice numbered_store::read_new(reign& r, const cursor& from, const slice_limits& limits) {
    // One slice is always allowed: else what is left by others could be too much to begin with.
    const bool full = r.bound_count >= limits_.messages_max || r.bound_bytes >= limits_.bytes_max ||
                      r.unrecorded.size() >= limits_.intents_max;
    if (full && r.bound_count > 0)
        return nothing(from, false);

    slice found = inner_->read(r.shard, from, limits);
    const bool at_end = is_end(found);
    read_step step{.after = found.after};
    intent fresh{
        .place = r.next_place,
        .source = r.source,
        .first_number = r.next_number,
        .messages = {}};
    std::vector<const old_message*> number_of; // null: a new one
    std::vector<stored_message> out;
    out.reserve(found.messages.size());
    std::vector<old_message*> met;
    for (stored_message& m : found.messages) {
        old_message* old = old_one(r, m);
        if (old != nullptr)
            met.push_back(old);
        if (old != nullptr && old->handed_out)
            continue;
        if (old == nullptr) {
            fresh.messages.push_back(bound(m.seq, m.content.id));
            step.bound_bytes += size_of(m);
        }
        number_of.push_back(old);
        out.push_back(std::move(m));
    }
    if (!fresh.messages.empty()) {
        if (!OUTBOX_BROKEN("numbered.hand_out_before_binding") &&
            book_->bind(r.shard, fresh) != write_result::done)
            return nothing(from, false);
        OUTBOX_FAULT("numbered.bound");
        step.places.push_back(fresh.place);
        step.bound_count = fresh.messages.size();
    }

    // From here on nothing fails.
    std::int64_t number = r.next_number;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const old_message* old = number_of[i];
        if (old == nullptr)
            put_number(out[i], r.shard, r.source, number++);
        else
            put_number(out[i], r.shard, r.old_intents[old->intent].source, old->number);
    }
    if (step.bound_count > 0) {
        r.next_number = number;
        ++r.next_place;
    }
    for (old_message* old : met) {
        old->handed_out = true;
        old_intent& of = r.old_intents[old->intent];
        if (--of.unpassed == 0) {
            step.places.push_back(of.place);
            --r.unpassed_intents;
        }
    }
    if (at_end || r.unpassed_intents == 0)
        end_second_pass(r, step);
    r.bound_count += step.bound_count;
    r.bound_bytes += step.bound_bytes;
    const bool nothing_left = out.empty() && !found.messages.empty();
    slice result{
        .messages = std::move(out),
        .after = std::move(found.after),
        .more = found.more || nothing_left,
        .stalled = found.stalled,
        .record = found.record || !step.places.empty()};
    // An idle relay reads for ever: what settles nothing is no step of its own.
    if (!result.messages.empty() || result.record)
        r.unrecorded.push_back(std::move(step));
    else if (!r.unrecorded.empty())
        r.unrecorded.back().idle_after = result.after;
    return result;
}

// What has not been met is not there any more: with this cursor nothing of it can come.
void numbered_store::end_second_pass(reign& r, read_step& step) {
    for (const old_intent& i : r.old_intents)
        if (i.unpassed > 0)
            step.places.push_back(i.place);
    r.old_intents.clear();
    r.old_messages.clear();
    r.old_by_row.clear();
}

write_result numbered_store::advance(int shard, std::int64_t epoch, const cursor& to) {
    reign& r = current(shard);
    std::size_t settled = r.unrecorded.size();
    while (settled > 0 && r.unrecorded[settled - 1].after != to &&
           r.unrecorded[settled - 1].idle_after != to)
        --settled;
    std::vector<std::int64_t> places;
    for (std::size_t i = 0; i < settled; ++i)
        places.insert(places.end(), r.unrecorded[i].places.begin(), r.unrecorded[i].places.end());
    const write_result result = places.empty()
                                    ? inner_->advance(shard, epoch, to)
                                    : book_->advance_and_forget(shard, epoch, to, places);
    if (result != write_result::done)
        return result;
    for (; settled > 0; --settled) {
        r.bound_count -= r.unrecorded.front().bound_count;
        r.bound_bytes -= r.unrecorded.front().bound_bytes;
        r.unrecorded.pop_front();
    }
    return result;
}

write_result
numbered_store::renew(int shard, std::int64_t epoch, std::chrono::milliseconds duration) {
    return inner_->renew(shard, epoch, duration);
}

void numbered_store::release(int shard, std::int64_t epoch) {
    inner_->release(shard, epoch);
}

bool numbered_store::remove_delivered(int shard, std::int64_t epoch) {
    return inner_->remove_delivered(shard, epoch);
}

bool numbered_store::forget_applied(std::chrono::seconds age, std::size_t rows_max) {
    return inner_->forget_applied(age, rows_max);
}

release_answer numbered_store::release_due(int shard, std::int64_t epoch, std::size_t count_max) {
    return inner_->release_due(shard, epoch, count_max);
}

store_status numbered_store::status(int shard) {
    return inner_->status(shard);
}

} // namespace outbox
