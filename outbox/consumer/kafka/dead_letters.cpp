#include "outbox/consumer/kafka/dead_letters.hpp"

#include "outbox/base/error.hpp"
#include "outbox/consumer/kafka/assignment_book.hpp"
#include "outbox/consumer/kafka/kafka_source.hpp"
#include "outbox/consumer/partition_window.hpp"
#include "outbox/consumer/record_marks.hpp"
#include "outbox/librdkafka/configuration.hpp"
#include "outbox/librdkafka/log_bridge.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

namespace outbox {

namespace {

using namespace kafka;
using std::chrono::milliseconds;

const group_name resender{"outbox-dead"};

/// On their way back at the same time.
constexpr std::size_t in_flight_max = 1'000;
constexpr poll_limits once_at_most{.count_max = in_flight_max, .bytes_max = 64U << 20U};
constexpr milliseconds look_up{100};

struct client_deleter {
    void operator()(rd_kafka_t* client) const noexcept { rd_kafka_destroy(client); }
};
struct metadata_deleter {
    void operator()(const rd_kafka_metadata_t* all) const noexcept {
        rd_kafka_metadata_destroy(all);
    }
};

[[noreturn]] void refuse(const kafka_source_options& where, rd_kafka_resp_err_t code) {
    throw error{
        error_kind::unreachable,
        "Kafka at " + where.brokers + ": " + rd_kafka_err2str(code),
        "is it running, and is the address right?"};
}

/// How far a partition was read, and where it ended when we looked.
struct reading {
    record_position next{};
    partition_window window{};
};

/// Reads a topic to its end.
class reader {
public:
    reader(
        const kafka_source_options& where,
        const std::string& topic,
        bool as_group,
        milliseconds patience
    )
        : where_(where)
        , source_(make_kafka_source(where))
        , topic_(topic)
        , patience_(patience) {
        source_->open(
            {.group = resender,
             .topics = {topic},
             .start = start_point::first(),
             .broadcast = !as_group},
            patience
        );
    }

    record_source& source() { return *source_; }
    std::map<partition_handle, reading>& partitions() { return partitions_; }

    /// Waits for news and appends it; throws when there is none for too long. A member that loses
    /// its partitions to another one gives up.
    void poll(std::vector<source_event_type>& news) {
        news.clear();
        source_->poll(look_up, once_at_most, news);
        for (const auto& each : news) {
            if (const auto* a = std::get_if<source_event::assigned>(&each)) {
                partitions_[a->partition].next = {
                    a->topic,
                    a->number,
                    std::max<std::int64_t>(a->committed, 0)};
            } else if (const auto* f = std::get_if<source_event::fetched>(&each)) {
                partitions_.at(f->partition).next.offset = f->record.offset + 1;
            } else if (const auto* r = std::get_if<source_event::revoked>(&each)) {
                source_->release(r->partition);
                partitions_.erase(r->partition);
            } else if (const auto* t = std::get_if<source_event::trouble>(&each))
                trouble_ = t->text;
        }
        const bool quiet = news.empty() || std::all_of(news.begin(), news.end(), [](const auto& n) {
                               return std::holds_alternative<source_event::trouble>(n);
                           });
        if (!quiet)
            last_news_ = system_clock().ticks();
        else if (system_clock().ticks() > last_news_ + patience_)
            throw error{
                error_kind::unreachable,
                topic_ + " at " + where_.brokers + " cannot be read to its end" +
                    (trouble_.empty() ? std::string{} : ": " + trouble_),
                "is the broker running, does the topic exist, and is nobody else resending it?"};
    }

    /// Nothing is left of what was there.
    bool is_at_end() const {
        return !partitions_.empty() &&
               std::all_of(partitions_.begin(), partitions_.end(), [this](const auto& each) {
                   const auto ends = source_->ends(each.first);
                   return ends.last >= 0 &&
                          (each.second.next.offset >= ends.last || ends.first >= ends.last);
               });
    }

private:
    const kafka_source_options& where_;
    std::unique_ptr<record_source> source_;
    std::string topic_;
    milliseconds patience_;
    std::map<partition_handle, reading> partitions_;
    tick_point last_news_ = system_clock().ticks();
    std::string trouble_;
};

outgoing_record back_to_its_origin(const dead_letter& letter) {
    const auto marks = read_marks(letter.record);
    if (!marks)
        throw error{
            error_kind::corrupt,
            letter.at.topic + "/" + std::to_string(letter.at.partition) + ", offset " +
                std::to_string(letter.at.offset) + " does not say where it came from",
            "it was not written by a consumer of ours; export it and send it by hand"};
    return unmark(letter.record, marks->origin.topic);
}

} // namespace

std::vector<dead_letter_count>
count_dead_letters(const kafka_source_options& where, milliseconds patience) {
    configuration conf{"Kafka"};
    conf.set("bootstrap.servers", where.brokers);
    conf.set("client.id", where.client_id);
    conf.set("group.id", resender.text());
    conf.set("allow.auto.create.topics", "false");
    conf.set_all(where.properties, {});
    rd_kafka_conf_set_log_cb(conf.get(), &log_from_librdkafka);
    const std::unique_ptr<rd_kafka_t, client_deleter> client{conf.make(RD_KAFKA_CONSUMER)};
    const auto wait = static_cast<int>(patience.count());
    const rd_kafka_metadata_t* raw = nullptr;
    if (const auto code = rd_kafka_metadata(client.get(), 1, nullptr, &raw, wait))
        refuse(where, code);
    const std::unique_ptr<const rd_kafka_metadata_t, metadata_deleter> metadata{raw};
    std::vector<dead_letter_count> counts;
    for (int i = 0; i < metadata->topic_cnt; ++i) {
        const auto& topic = metadata->topics[i];
        if (!std::string_view{topic.topic}.ends_with(".dlt"))
            continue;
        const auto list = make_list(topic.partition_cnt);
        for (int p = 0; p < topic.partition_cnt; ++p)
            rd_kafka_topic_partition_list_add(list.get(), topic.topic, topic.partitions[p].id);
        if (const auto code = rd_kafka_committed(client.get(), list.get(), wait))
            refuse(where, code);
        dead_letter_count count{.topic = topic.topic};
        for (int p = 0; p < list->cnt; ++p) {
            const auto& each = list->elems[p];
            std::int64_t first = 0;
            std::int64_t last = 0;
            if (const auto code = rd_kafka_query_watermark_offsets(
                    client.get(),
                    topic.topic,
                    each.partition,
                    &first,
                    &last,
                    wait
                ))
                refuse(where, code);
            count.total += last - first;
            count.waiting += last - std::clamp(each.offset, first, last);
        }
        counts.push_back(std::move(count));
    }
    std::sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
        return a.topic < b.topic;
    });
    return counts;
}

void read_dead_letters(
    const kafka_source_options& where,
    const std::string& topic,
    const std::function<bool(const dead_letter&)>& each,
    milliseconds patience
) {
    reader from{where, topic, false, patience};
    std::vector<source_event_type> news;
    while (!from.is_at_end()) {
        from.poll(news);
        for (auto& one : news) {
            auto* const fetched = std::get_if<source_event::fetched>(&one);
            if (fetched == nullptr)
                continue;
            auto at = from.partitions().at(fetched->partition).next;
            at.offset = fetched->record.offset;
            if (!each({std::move(fetched->record), std::move(at)}))
                return;
        }
    }
}

std::size_t resend_dead_letters(
    const kafka_source_options& where,
    const std::string& topic,
    milliseconds patience
) {
    reader from{where, topic, true, patience};
    struct sending {
        partition_handle partition = 0;
        std::uint64_t number = 0;
    };
    std::map<ticket, sending> in_flight;
    ticket last_ticket = 0;
    std::size_t sent = 0;
    std::string trouble;
    bool committing = false;
    std::map<partition_handle, std::int64_t> committed;
    bool paused = false;
    std::vector<source_event_type> news;
    const auto uncommitted = [&] {
        std::vector<std::pair<partition_handle, std::int64_t>> offsets;
        for (const auto& [handle, each] : from.partitions()) {
            const auto offset = each.window.committable();
            if (offset && committed[handle] != *offset)
                offsets.emplace_back(handle, *offset);
        }
        return offsets;
    };
    while (true) {
        const bool done = trouble.empty() ? from.is_at_end() : true;
        if (in_flight.empty() && !committing) {
            const auto offsets = uncommitted();
            if (offsets.empty() && done)
                break;
            if (!offsets.empty()) {
                from.source().commit(offsets);
                for (const auto& [handle, offset] : offsets)
                    committed[handle] = offset;
                committing = true;
            }
        }
        if (const bool full = in_flight.size() >= in_flight_max || !trouble.empty();
            full != paused && (full || in_flight.empty())) {
            paused = full;
            for (const auto& [handle, each] : from.partitions())
                full ? from.source().pause(handle) : from.source().resume(handle);
        }
        from.poll(news);
        for (auto& one : news) {
            if (auto* const fetched = std::get_if<source_event::fetched>(&one)) {
                if (!trouble.empty())
                    continue;
                auto& home = from.partitions().at(fetched->partition);
                dead_letter letter{std::move(fetched->record), home.next};
                letter.at.offset = letter.record.offset;
                const auto number = home.window.add(letter.record.offset);
                try {
                    auto back = back_to_its_origin(letter);
                    in_flight[++last_ticket] = {fetched->partition, number};
                    from.source().send(last_ticket, std::move(back));
                } catch (const error& unknown) {
                    trouble = unknown.what();
                }
            } else if (const auto* answer = std::get_if<source_event::sent>(&one)) {
                const auto which = in_flight.find(answer->ticket);
                if (which == in_flight.end())
                    continue;
                if (!answer->trouble.empty())
                    trouble = answer->trouble;
                else {
                    ++sent;
                    const auto home = from.partitions().find(which->second.partition);
                    if (home != from.partitions().end())
                        home->second.window.finish(which->second.number);
                }
                in_flight.erase(which);
            } else if (const auto* said = std::get_if<source_event::committed>(&one)) {
                committing = false;
                if (!said->trouble.empty() && trouble.empty())
                    trouble = said->trouble;
            }
        }
    }
    if (!trouble.empty())
        throw error{
            error_kind::rejected,
            "sent " + std::to_string(sent) + " of " + topic + " back, then: " + trouble,
            "the next resend goes on where this one stopped"};
    return sent;
}

void resend_dead_letter(
    const kafka_source_options& where,
    const record_position& which,
    milliseconds patience
) {
    std::optional<outgoing_record> back;
    read_dead_letters(
        where,
        which.topic,
        [&](const dead_letter& letter) {
            if (letter.at != which)
                return true;
            back = back_to_its_origin(letter);
            return false;
        },
        patience
    );
    if (!back)
        throw error{
            error_kind::invalid_argument,
            which.topic + "/" + std::to_string(which.partition) + " has no offset " +
                std::to_string(which.offset),
            "see `outbox dead show`"};
    reader by{where, which.topic, false, patience};
    by.source().send(1, std::move(*back));
    std::vector<source_event_type> news;
    while (true) {
        by.poll(news);
        for (const auto& each : news) {
            const auto* answer = std::get_if<source_event::sent>(&each);
            if (answer == nullptr)
                continue;
            if (answer->trouble.empty())
                return;
            throw error{error_kind::rejected, "not sent back: " + answer->trouble};
        }
    }
}

} // namespace outbox
