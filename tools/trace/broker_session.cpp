#include "tools/trace/broker_session.hpp"

#include "outbox/base/error.hpp"
#include "outbox/librdkafka/configuration.hpp"
#include "outbox/librdkafka/log_bridge.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace outbox::tools {
namespace {

using std::chrono::milliseconds;

/// For one question, and for the next records while reading.
constexpr milliseconds answer_time_max{10'000};
constexpr milliseconds reading_pause_max{30'000};
/// So many are read at once: each has a buffer of its own.
constexpr std::size_t partitions_at_once = 32;

template <auto Release>
struct releaser {
    void operator()(auto* handle) const noexcept { Release(handle); }
};
using client = std::unique_ptr<rd_kafka_t, releaser<rd_kafka_destroy>>;
using queue = std::unique_ptr<rd_kafka_queue_t, releaser<rd_kafka_queue_destroy>>;
using event = std::unique_ptr<rd_kafka_event_t, releaser<rd_kafka_event_destroy>>;
using topic = std::unique_ptr<rd_kafka_topic_t, releaser<rd_kafka_topic_destroy>>;
using message = std::unique_ptr<rd_kafka_message_t, releaser<rd_kafka_message_destroy>>;
using metadata = std::unique_ptr<const rd_kafka_metadata_t, releaser<rd_kafka_metadata_destroy>>;
using partition_list = std::
    unique_ptr<rd_kafka_topic_partition_list_t, releaser<rd_kafka_topic_partition_list_destroy>>;
using admin_options =
    std::unique_ptr<rd_kafka_AdminOptions_t, releaser<rd_kafka_AdminOptions_destroy>>;
using group_question = std::unique_ptr<
    rd_kafka_ListConsumerGroupOffsets_t,
    releaser<rd_kafka_ListConsumerGroupOffsets_destroy>>;

/// What the answers rest on.
constexpr std::array<std::string_view, 8> refused_properties{
    "bootstrap.servers",
    "metadata.broker.list",
    "client.id",
    "enable.auto.commit",
    "enable.partition.eof",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "queued.max.messages.kbytes",
};

client make_client(const std::string& brokers, const std::map<std::string, std::string>& more) {
    kafka::configuration conf{"broker " + brokers};
    conf.set_all(more, refused_properties);
    conf.set("bootstrap.servers", brokers);
    conf.set("client.id", "outbox-trace");
    conf.set("enable.auto.commit", "false");
    conf.set("enable.partition.eof", "true");
    conf.set("allow.auto.create.topics", "false");
    // What is removed while we read is missing, not to be passed over.
    conf.set("auto.offset.reset", "error");
    conf.set("queued.max.messages.kbytes", 4'096);
    rd_kafka_conf_set_log_cb(conf.get(), &kafka::log_from_librdkafka);
    return client{conf.make(RD_KAFKA_CONSUMER)};
}

error make_error(const std::string& brokers, const std::string& doing, rd_kafka_resp_err_t code) {
    const bool away =
        code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
        code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__RESOLVE;
    return {
        away ? error_kind::unreachable : error_kind::rejected,
        "broker " + brokers + ": cannot " + doing + ": " + rd_kafka_err2str(code),
        away ? "check the address, and that it is running" : ""};
}

int as_int(milliseconds wait) {
    return static_cast<int>(wait.count());
}

partition_list list_of(std::span<const partition_place> places, std::int64_t offset) {
    partition_list list{rd_kafka_topic_partition_list_new(static_cast<int>(places.size()))};
    for (const partition_place& place : places)
        rd_kafka_topic_partition_list_add(list.get(), place.topic.c_str(), place.partition)
            ->offset = offset;
    return list;
}

record_headers headers_of(const rd_kafka_message_t& from) {
    record_headers all;
    rd_kafka_headers_t* raw = nullptr;
    if (rd_kafka_message_headers(&from, &raw) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return all;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(raw, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i)
        if (value != nullptr)
            all.emplace_back(name, bytes{static_cast<const char*>(value), size});
    return all;
}

/// One partition while it is read, from `first` to before `end`.
struct reading {
    partition_place where{};
    std::int64_t first = 0;
    std::int64_t end = 0;
    bool done = false;
};

/// Reads partitions into one queue until it is destroyed.
class feed {
public:
    feed(rd_kafka_t* kafka, std::span<const reading> partitions)
        : records_(rd_kafka_queue_new(kafka)) {
        for (const reading& each : partitions) {
            topic handle{rd_kafka_topic_new(kafka, each.where.topic.c_str(), nullptr)};
            const int failed = rd_kafka_consume_start_queue(
                handle.get(),
                each.where.partition,
                each.first,
                records_.get()
            );
            if (failed == 0)
                started_.emplace_back(std::move(handle), each.where.partition);
        }
    }
    ~feed() {
        for (const auto& [handle, partition] : started_)
            rd_kafka_consume_stop(handle.get(), partition);
    }
    feed(const feed&) = delete;
    feed& operator=(const feed&) = delete;

    /// A record, the end of a partition, or an error of one; nothing when nothing came in time.
    message next() {
        return message{rd_kafka_consume_queue(records_.get(), as_int(reading_pause_max))};
    }

private:
    queue records_;
    std::vector<std::pair<topic, std::int32_t>> started_{};
};

} // namespace

struct broker_session::handles {
    client kafka;
    queue answers;

    /// Where the records of `since` begin in each of `places`, or what librdkafka's
    /// OFFSET_BEGINNING and OFFSET_END mean there; nothing where it cannot be told.
    std::vector<std::optional<std::int64_t>> offsets(
        const std::string& brokers,
        std::span<const partition_place> places,
        std::int64_t since
    ) {
        const partition_list list = list_of(places, since);
        const auto code =
            rd_kafka_offsets_for_times(kafka.get(), list.get(), as_int(answer_time_max));
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            throw make_error(brokers, "ask for offsets", code);
        std::vector<std::optional<std::int64_t>> found;
        for (int i = 0; i < list->cnt; ++i) {
            const auto& each = list->elems[i];
            found.push_back(
                each.err == RD_KAFKA_RESP_ERR_NO_ERROR ? std::optional{each.offset} : std::nullopt
            );
        }
        return found;
    }

    void read(
        const std::string& brokers,
        const message_id& id,
        std::span<reading> partitions,
        std::int64_t records_max,
        topic_search& into
    ) {
        std::size_t open = partitions.size();
        feed records{kafka.get(), partitions};
        while (open > 0 && into.records_read < records_max) {
            const message got = records.next();
            if (!got)
                throw make_error(brokers, "read on", RD_KAFKA_RESP_ERR__TIMED_OUT);
            if (got->rkt == nullptr)
                continue;
            const partition_place where{rd_kafka_topic_name(got->rkt), got->partition};
            const auto at = std::find_if(partitions.begin(), partitions.end(), [&](const auto& p) {
                return p.where == where;
            });
            if (at == partitions.end() || at->done)
                continue;
            const bool is_record = got->err == RD_KAFKA_RESP_ERR_NO_ERROR;
            at->done = !is_record || got->offset + 1 >= at->end;
            open -= at->done ? 1 : 0;
            if (!is_record && got->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
                ++into.partitions_unread;
            if (!is_record || got->offset >= at->end)
                continue;
            ++into.records_read;
            const record_headers headers = headers_of(*got);
            if (id_of(headers) != id)
                continue;
            const std::int64_t time = rd_kafka_message_timestamp(got.get(), nullptr);
            into.copies.push_back(read_copy(
                where,
                got->offset,
                time < 0 ? std::nullopt : std::optional{time},
                headers
            ));
        }
        into.partitions_unread += open;
    }

    event wait_for_answer(const std::string& brokers, const std::string& doing) {
        event answer{rd_kafka_queue_poll(answers.get(), as_int(2 * answer_time_max))};
        if (!answer)
            throw make_error(brokers, doing, RD_KAFKA_RESP_ERR__TIMED_OUT);
        if (const auto code = rd_kafka_event_error(answer.get());
            code != RD_KAFKA_RESP_ERR_NO_ERROR)
            throw make_error(brokers, doing, code);
        return answer;
    }

    admin_options options(rd_kafka_admin_op_t operation) {
        admin_options made{rd_kafka_AdminOptions_new(kafka.get(), operation)};
        std::array<char, 256> words{};
        rd_kafka_AdminOptions_set_request_timeout(
            made.get(),
            as_int(answer_time_max),
            words.data(),
            words.size()
        );
        return made;
    }

    std::vector<std::string> groups(const std::string& brokers) {
        const auto how = options(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS);
        rd_kafka_ListConsumerGroups(kafka.get(), how.get(), answers.get());
        const event answer = wait_for_answer(brokers, "list the groups");
        const auto* const result = rd_kafka_event_ListConsumerGroups_result(answer.get());
        std::size_t count = 0;
        if (const auto** const errors = rd_kafka_ListConsumerGroups_result_errors(result, &count);
            count > 0)
            throw make_error(brokers, "list the groups", rd_kafka_error_code(errors[0]));
        const auto** const listed = rd_kafka_ListConsumerGroups_result_valid(result, &count);
        std::vector<std::string> names;
        for (std::size_t i = 0; i < count; ++i)
            names.emplace_back(rd_kafka_ConsumerGroupListing_group_id(listed[i]));
        return names;
    }

    committed_offsets committed_by(
        const std::string& brokers,
        const std::string& group,
        std::span<const partition_place> places
    ) {
        const std::string doing = "ask what group " + group + " has committed";
        const partition_list list = list_of(places, RD_KAFKA_OFFSET_INVALID);
        const group_question question{
            rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), list.get())};
        const auto how = options(RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
        rd_kafka_ListConsumerGroupOffsets_t* raw = question.get();
        rd_kafka_ListConsumerGroupOffsets(kafka.get(), &raw, 1, how.get(), answers.get());
        const event answer = wait_for_answer(brokers, doing);
        std::size_t count = 0;
        const auto** const results = rd_kafka_ListConsumerGroupOffsets_result_groups(
            rd_kafka_event_ListConsumerGroupOffsets_result(answer.get()),
            &count
        );
        committed_offsets found;
        for (std::size_t i = 0; i < count; ++i) {
            if (const auto* const fault = rd_kafka_group_result_error(results[i]))
                throw make_error(brokers, doing, rd_kafka_error_code(fault));
            const auto* const offsets = rd_kafka_group_result_partitions(results[i]);
            for (int k = 0; offsets != nullptr && k < offsets->cnt; ++k) {
                const auto& each = offsets->elems[k];
                if (each.err == RD_KAFKA_RESP_ERR_NO_ERROR && each.offset >= 0)
                    found[{each.topic, each.partition}] = each.offset;
            }
        }
        return found;
    }
};

broker_session::broker_session(
    std::string brokers,
    const std::map<std::string, std::string>& properties
)
    : brokers_(std::move(brokers)) {
    client kafka = make_client(brokers_, properties);
    queue answers{rd_kafka_queue_new(kafka.get())};
    handles_ = std::make_unique<handles>(handles{std::move(kafka), std::move(answers)});
}

broker_session::~broker_session() = default;

std::vector<partition_place> broker_session::partitions() {
    const rd_kafka_metadata_t* raw = nullptr;
    const auto code =
        rd_kafka_metadata(handles_->kafka.get(), 1, nullptr, &raw, as_int(answer_time_max));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw make_error(brokers_, "ask for its topics", code);
    const metadata all{raw};
    std::vector<partition_place> places;
    for (const auto& each : std::span{all->topics, static_cast<std::size_t>(all->topic_cnt)}) {
        const std::string name = each.topic;
        if (name.starts_with("__"))
            continue;
        for (int i = 0; i < each.partition_cnt; ++i)
            places.push_back({name, each.partitions[i].id});
    }
    std::sort(places.begin(), places.end());
    return places;
}

topic_search broker_session::search(
    const message_id& id,
    std::span<const partition_place> places,
    std::optional<std::int64_t> since_ms,
    std::int64_t records_max
) {
    topic_search result{.partitions = places.size()};
    if (places.empty())
        return result;
    const auto ends = handles_->offsets(brokers_, places, RD_KAFKA_OFFSET_END);
    const auto starts =
        handles_->offsets(brokers_, places, since_ms.value_or(RD_KAFKA_OFFSET_BEGINNING));
    std::vector<reading> wanted;
    for (std::size_t i = 0; i < places.size(); ++i) {
        if (!ends[i] || !starts[i])
            ++result.partitions_unread;
        // Below zero: no record is as young.
        else if (*starts[i] >= 0 && *starts[i] < *ends[i])
            wanted.push_back({.where = places[i], .first = *starts[i], .end = *ends[i]});
    }
    for (std::size_t from = 0; from < wanted.size(); from += partitions_at_once) {
        const std::span round{
            wanted.data() + from,
            std::min(partitions_at_once, wanted.size() - from)};
        handles_->read(brokers_, id, round, records_max, result);
    }
    return result;
}

std::map<std::string, committed_offsets>
broker_session::committed(std::span<const partition_place> places) {
    std::map<std::string, committed_offsets> all;
    if (places.empty())
        return all;
    const auto names = handles_->groups(brokers_);
    if (names.size() > group_count_max)
        throw error(
            error_kind::rejected,
            "broker " + brokers_ + " has " + std::to_string(names.size()) + " groups",
            "what more than 1000 have committed is not asked; ask kafka-consumer-groups"
        );
    for (const std::string& name : names)
        if (auto offsets = handles_->committed_by(brokers_, name, places); !offsets.empty())
            all.emplace(name, std::move(offsets));
    return all;
}

} // namespace outbox::tools
