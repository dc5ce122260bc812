#include "outbox/consumer/record_intake.hpp"

#include "outbox/consumer/record_marks.hpp"
#include "outbox/consumer/record_reading.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace outbox {

using std::chrono::milliseconds;

std::int64_t ms_since_1970(time_point t) {
    return std::chrono::duration_cast<milliseconds>(t.time_since_epoch()).count();
}

namespace {

static_assert(sizeof(work_item) <= record_overhead_bytes);

/// Where keys are parked order is kept within a partition, and so a lane ends there as well:
/// else a key that is parked in one subject would hold up the same one in another.
std::optional<std::uint64_t> lane_of(const delivery& message, const consumer_options& options) {
    if (!message.key)
        return std::nullopt;
    const std::hash<std::string_view> hash;
    std::uint64_t lane = hash(*message.key);
    if (options.retry_order == ordered_retry::park_key)
        lane ^= hash(message.origin.topic + "/" + std::to_string(message.origin.partition));
    return lane;
}

/// One that followed another has no time of its own.
void hold_parked(
    consumer_event::fetched& event,
    work_item& item,
    const read_result& meaning,
    const clock& time
) {
    item.retry_at_ms = meaning.retry_at_ms;
    const auto wall = ms_since_1970(time.now());
    const auto left = milliseconds{std::max(meaning.retry_at_ms.value_or(wall), wall) - wall};
    event.due = time.ticks() + std::min<milliseconds>(left, retry_delay_max);
}

/// What waits in a retry topic waits by its writer's clock, and never longer than the topic's
/// name says, whatever a clock or a header claims.
void hold(
    consumer_event::fetched& event,
    work_item& item,
    const read_result& meaning,
    milliseconds delay,
    const clock& time
) {
    const auto now = time.ticks();
    const auto wall = ms_since_1970(time.now());
    const auto due = meaning.retry_at_ms.value_or(wall);
    item.retry_at_ms = due;
    const auto in = [&](std::int64_t at_ms, milliseconds longest) {
        const auto left = at_ms <= wall ? 0 : std::min(at_ms - wall, longest.count());
        return now + milliseconds{left};
    };
    event.due = in(due, retry_delay_max);
    event.held_until = std::min(
        *event.due,
        in(std::max<std::int64_t>(item.record.timestamp_ms, 0) + delay.count(), delay)
    );
}

} // namespace

record_home home_of(consumed_partition partition, const consumer_options& options) {
    record_home home{.retry_delay = retry_topic_delay(options.group, partition.topic)};
    home.is_parking =
        std::any_of(options.subjects.begin(), options.subjects.end(), [&](const subject& each) {
            return parking_topic(each.text(), options.group) == partition.topic;
        });
    home.of = std::move(partition);
    return home;
}

intake
take_in(const intake_place& at, record what, const consumer_options& options, const clock& time) {
    const auto& from = *at.from;
    const auto offset = what.offset;
    auto item = std::make_shared<work_item>(work_item{
        .ticket = at.ticket,
        .record = std::move(what),
        .at = {from.of.topic, from.of.partition, offset},
    });
    auto meaning = read_record(
        item->record,
        item->at,
        from.retry_delay || from.is_parking ? topic_role::retry : topic_role::subject
    );
    consumer_event::fetched event{
        .partition = at.partition,
        .ticket = at.ticket,
        .offset = item->record.offset,
        .bytes = item->record.size_bytes(),
    };
    if (!meaning.message) {
        event.content = consumer_event::content::undecodable;
        item->reason = "undecodable: " + meaning.why;
    } else if (!options.tags.wants(meaning.message->tags)) {
        event.content = consumer_event::content::unwanted;
    } else {
        event.attempt = meaning.message->attempt;
        if (from.retry_delay)
            hold(event, *item, meaning, *from.retry_delay, time);
        else {
            if (from.is_parking)
                hold_parked(event, *item, meaning, time);
            event.lane = lane_of(*meaning.message, options);
        }
        item->reason = meaning.message->last_failure;
        item->meaning = std::move(meaning.message);
    }
    return {std::move(item), event};
}

} // namespace outbox
