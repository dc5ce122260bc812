#include "broker/log/producer_states.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

#include <algorithm>
#include <limits>

namespace outbox::broker {

std::int32_t sequence_after(std::int32_t sequence, std::int32_t steps) noexcept {
    const std::int64_t sum = std::int64_t{sequence} + steps;
    constexpr std::int64_t count = std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1;
    return static_cast<std::int32_t>(sum % count);
}

producer_states::decision producer_states::check(const wire::batch_header& batch) const {
    const auto found = states_.find(batch.producer_id);
    if (found == states_.end() || found->second.batch_count == 0)
        return {};
    const state& known = found->second;
    if (batch.producer_epoch < known.epoch)
        return {verdict::invalid_epoch};
    if (batch.producer_epoch > known.epoch)
        return {batch.base_sequence == 0 ? verdict::append : verdict::out_of_order};
    const std::int32_t last_sequence = sequence_after(batch.base_sequence, batch.last_offset_delta);
    for (std::size_t i = 0; i < known.batch_count; ++i) {
        const written_batch& written = known.batches[i];
        if (written.first_sequence == batch.base_sequence && written.last_sequence == last_sequence)
            return {verdict::duplicate, written.base_offset, written.last_offset};
    }
    const std::int32_t newest = known.batches[known.batch_count - 1].last_sequence;
    return {
        batch.base_sequence == sequence_after(newest, 1) ? verdict::append : verdict::out_of_order};
}

producer_states::state& producer_states::touch(std::int64_t producer_id) {
    const auto [place, is_new] = states_.try_emplace(producer_id);
    if (is_new)
        place->second.age = by_age_.insert(by_age_.end(), producer_id);
    else
        by_age_.splice(by_age_.end(), by_age_, place->second.age);
    if (states_.size() > count_max_) {
        states_.erase(by_age_.front());
        by_age_.pop_front();
    }
    return place->second;
}

void producer_states::note(const wire::batch_header& batch) {
    if (count_max_ == 0)
        return;
    state& known = touch(batch.producer_id);
    if (known.epoch != batch.producer_epoch) {
        known.epoch = batch.producer_epoch;
        known.batch_count = 0;
    }
    if (known.batch_count == known.batches.size()) {
        std::move(known.batches.begin() + 1, known.batches.end(), known.batches.begin());
        --known.batch_count;
    }
    known.batches[known.batch_count++] = {
        batch.base_sequence,
        sequence_after(batch.base_sequence, batch.last_offset_delta),
        batch.base_offset,
        batch.last_offset(),
    };
}

bytes producer_states::encode() const {
    bytes out;
    wire::writer{out}.uint32(static_cast<std::uint32_t>(by_age_.size()));
    for (const std::int64_t producer_id : by_age_) {
        const state& known = states_.at(producer_id);
        wire::writer{out}.int64(producer_id);
        wire::writer{out}.int16(known.epoch);
        wire::writer{out}.int8(static_cast<std::int8_t>(known.batch_count));
        for (std::size_t i = 0; i < known.batch_count; ++i) {
            wire::writer{out}.int32(known.batches[i].first_sequence);
            wire::writer{out}.int32(known.batches[i].last_sequence);
            wire::writer{out}.int64(known.batches[i].base_offset);
            wire::writer{out}.int64(known.batches[i].last_offset);
        }
    }
    return out;
}

std::optional<producer_states> producer_states::decode(bytes_view body, std::size_t count_max) {
    producer_states result{count_max};
    wire::reader reader{body};
    const auto count = reader.uint32();
    for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
        const auto producer_id = reader.int64();
        const auto epoch = reader.int16();
        const auto batch_count = static_cast<std::size_t>(reader.int8()); // negative: too many
        if (batch_count > format::producer_batches_max || result.states_.count(producer_id) != 0)
            return std::nullopt;
        state read;
        read.epoch = epoch;
        read.batch_count = batch_count;
        for (std::size_t k = 0; k < batch_count; ++k) {
            read.batches[k].first_sequence = reader.int32();
            read.batches[k].last_sequence = reader.int32();
            read.batches[k].base_offset = reader.int64();
            read.batches[k].last_offset = reader.int64();
        }
        if (!reader.ok() || count_max == 0)
            continue;
        state& known = result.touch(producer_id);
        const auto age = known.age;
        known = read;
        known.age = age;
    }
    if ((!reader.ok() || reader.remaining() > 0))
        return std::nullopt;
    return result;
}

} // namespace outbox::broker
