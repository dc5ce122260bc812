#include "broker/log/durable_offsets.hpp"

#include "broker/log/format.hpp"
#include "outbox/base/crc32c.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

#include <algorithm>

namespace outbox::broker {
namespace {

struct decoded {
    topic_id id{};
    std::int32_t partition = -1;
    std::uint32_t sequence = 0;
    witness_record record;
};

std::optional<decoded> decode_witness(bytes_view data) {
    wire::reader reader{data};
    decoded result;
    const auto magic = reader.uint32();
    result.partition = reader.int32();
    const bytes_view id = reader.take(result.id.size());
    result.record.durable_end = reader.int64();
    result.record.log_start = reader.int64();
    result.sequence = reader.uint32();
    reader.take(format::witness_record_bytes - 4 - 44);
    const auto checksum = reader.uint32();
    if (!reader.ok() || magic != format::witness_magic ||
        crc32c(data.substr(0, format::witness_record_bytes - 4)) != checksum)
        return std::nullopt;
    std::copy(id.begin(), id.end(), result.id.begin());
    return result;
}

} // namespace

bytes encode_witness(
    const topic_id& id,
    std::int32_t partition,
    std::uint32_t sequence,
    const witness_record& record
) {
    bytes out;
    wire::writer{out}.uint32(format::witness_magic);
    wire::writer{out}.int32(partition);
    out.append(id.begin(), id.end());
    wire::writer{out}.int64(record.durable_end);
    wire::writer{out}.int64(record.log_start);
    wire::writer{out}.uint32(sequence);
    out.resize(format::witness_record_bytes - 4);
    wire::writer{out}.uint32(crc32c(out));
    return out;
}

durable_offsets::durable_offsets(
    disk& files,
    const std::string& path,
    const std::function<bool(const topic_id&, std::int32_t)>& is_live,
    std::error_code& ec
)
    : file_(files.open(path, open_mode::create, ec)) {
    if (!file_)
        return;
    const bytes content = read_all(*file_, ec);
    if (ec)
        return;
    for (std::size_t at = 0; at + format::witness_slot_bytes <= content.size();
         at += format::witness_slot_bytes) {
        entry read;
        for (std::size_t half = 0; half < 2; ++half) {
            const auto record = decode_witness(bytes_view{content}.substr(
                at + half * format::witness_record_bytes,
                format::witness_record_bytes
            ));
            // Newer is decided by distance, so that the sequence may wrap.
            if (record &&
                (!read.record || static_cast<std::int32_t>(record->sequence - read.sequence) > 0)) {
                read.id = record->id;
                read.partition = record->partition;
                read.sequence = record->sequence;
                read.record = record->record;
            }
        }
        const slot index = slots_.size();
        if (read.record && is_live(read.id, read.partition)) {
            const auto [place, is_new] = found_.try_emplace({read.id, read.partition}, index);
            // Two slots for one partition: the one that knows more counts.
            if (!is_new && slots_[place->second].record->durable_end < read.record->durable_end) {
                free_.push_back(place->second);
                place->second = index;
            } else if (!is_new) {
                free_.push_back(index);
            }
        } else {
            free_.push_back(index);
        }
        slots_.push_back(read);
    }
    std::reverse(free_.begin(), free_.end());
}

durable_offsets::claimed durable_offsets::claim(const topic_id& id, std::int32_t partition) {
    const std::lock_guard lock{mutex_};
    if (const auto found = found_.find({id, partition}); found != found_.end()) {
        entry& known = slots_[found->second];
        known.used = true;
        return {found->second, known.record};
    }
    if (free_.empty()) {
        free_.push_back(slots_.size());
        slots_.emplace_back();
    }
    const slot index = free_.back();
    free_.pop_back();
    entry& fresh = slots_[index];
    fresh.id = id;
    fresh.partition = partition;
    fresh.used = true;
    fresh.record.reset();
    found_[{id, partition}] = index;
    return {index, std::nullopt};
}

void durable_offsets::release(slot index) {
    const std::lock_guard lock{mutex_};
    entry& known = slots_[index];
    found_.erase({known.id, known.partition});
    known.used = false;
    known.record.reset();
    free_.push_back(index);
}

void durable_offsets::store(slot index, const witness_record& record, std::error_code& ec) {
    const std::lock_guard lock{mutex_};
    ec = failed_;
    entry& known = slots_[index];
    if (ec || !known.used)
        return;
    unsynced_ = true;
    ++known.sequence;
    known.record = record;
    const bytes data = encode_witness(known.id, known.partition, known.sequence, record);
    const bytes_view parts[] = {data};
    // The two records of a slot take turns: whatever becomes of this write, the one before it is
    // untouched.
    write_all(
        *file_,
        index * format::witness_slot_bytes + (known.sequence % 2) * format::witness_record_bytes,
        parts,
        ec
    );
}

void durable_offsets::sync(std::error_code& ec) {
    {
        const std::lock_guard lock{mutex_};
        ec = failed_;
        if (ec)
            return;
        unsynced_ = false;
    }
    file_->sync_data(ec);
    if (ec) {
        const std::lock_guard lock{mutex_};
        failed_ = ec;
    }
}

bool durable_offsets::has_unsynced() const {
    const std::lock_guard lock{mutex_};
    return unsynced_;
}

} // namespace outbox::broker
