// Partitions that come and go, as the group decides.

#include "outbox/base/backoff.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/random.hpp"
#include "outbox/consumer/kafka/cluster_view.hpp"
#include "outbox/consumer/kafka/kafka_source.hpp"
#include "outbox/consumer/kafka/start_finder.hpp"
#include "outbox/consumer/record_marks.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace outbox::kafka {

namespace {

using std::chrono::milliseconds;

/// Each time that the group is joined anew all its members wait.
constexpr backoff_policy refusal_waits{milliseconds{500}, milliseconds{30'000}};
constexpr std::chrono::minutes refusals_forgotten{1};

} // namespace

void kafka_source::subscribe() {
    const auto list = make_list(static_cast<int>(topics_.size()));
    for (const auto& topic : topics_)
        rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    if (const auto code = rd_kafka_subscribe(client_, list.get()))
        throw error{
            error_kind::invalid_argument,
            std::string{"Kafka consumer: subscribe: "} + rd_kafka_err2str(code)};
}

void kafka_source::note_rebalance(
    rd_kafka_t* client,
    rd_kafka_resp_err_t what,
    rd_kafka_topic_partition_list_t* partitions,
    void* opaque
) {
    auto& self = *static_cast<kafka_source*>(opaque);
    const char* const protocol = rd_kafka_rebalance_protocol(client);
    self.cooperative_ = protocol != nullptr && std::string_view{protocol} == "COOPERATIVE";
    partition_list copy{rd_kafka_topic_partition_list_copy(partitions)};
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !self.closing_) {
        self.to_take_over_ = std::move(copy);
        self.take_over_at_ = {};
        return;
    }
    self.to_take_over_.reset();
    self.add_parking(*copy);
    self.to_give_back_ = std::move(copy);
    self.not_released_.clear();
    if (self.closing_) {
        self.give_back();
        return;
    }
    const bool lost = rd_kafka_assignment_lost(client) != 0;
    for (int i = 0; i < self.to_give_back_->cnt; ++i) {
        const auto& each = self.to_give_back_->elems[i];
        if (const auto* ours = self.book_.find(each.topic, each.partition)) {
            self.not_released_.insert(ours->handle);
            self.notes_.emplace_back(source_event::revoked{ours->handle, lost});
        }
    }
    if (self.not_released_.empty())
        self.give_back();
}

/// Answers the rebalance that gave us partitions, as soon as it is known where to begin.
void kafka_source::take_over(std::vector<source_event_type>& news) {
    if (!to_take_over_ || !refusal_.empty() || system_clock().ticks() < take_over_at_)
        return;
    std::string trouble;
    if (!find_parking(*to_take_over_, trouble) ||
        !find_start(client_, what_, *to_take_over_, trouble)) {
        take_over_at_ = system_clock().ticks() + question_pause;
        news.emplace_back(source_event::trouble{
            "where the group has come to cannot be asked, so nothing is read yet: " + trouble});
        return;
    }
    auto list = std::move(to_take_over_);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (cooperative_) {
        if (rd_kafka_error_t* const refusal = rd_kafka_incremental_assign(client_, list.get())) {
            code = rd_kafka_error_code(refusal);
            rd_kafka_error_destroy(refusal);
        }
    } else
        code = rd_kafka_assign(client_, list.get());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        to_take_over_ = std::move(list);
        refused("taking partitions over", code);
        return;
    }
    // One that was paused when it was taken away may be paused still, as far as librdkafka knows.
    rd_kafka_resume_partitions(client_, list.get());
    check("resuming", *list);
    const auto note = [&](const rd_kafka_topic_partition_t& each, partition_handle parking) {
        auto& ours = book_.add(each.topic, each.partition);
        ours.begins_at = each.offset;
        news.emplace_back(source_event::assigned{
            .partition = ours.handle,
            .topic = each.topic,
            .number = each.partition,
            .committed = std::max<std::int64_t>(each.offset, -1),
            .parking = parking});
        return &ours;
    };
    for (int i = 0; i < list->cnt; ++i) {
        const auto& each = list->elems[i];
        if (is_parking(each.topic))
            continue;
        partition_handle parking = 0;
        if (const auto* const beside = rd_kafka_topic_partition_list_find(
                list.get(),
                parking_topic(each.topic, what_.group).c_str(),
                each.partition
            )) {
            auto* const ours = note(*beside, 0);
            ours->catches_up = true;
            parking = ours->handle;
        }
        note(each, parking);
    }
}

// ---- where messages are parked ------------------------------------------------------------------

// Those partitions are not subscribed to, because no strategy would give them to the member that
// has the one beside. They are assigned along with it, and their commits are fenced as all others.

bool kafka_source::is_parking(std::string_view topic) const {
    return what_.parking != parking_use::ignored &&
           std::any_of(what_.topics.begin(), what_.topics.end(), [&](const auto& each) {
               return parking_topic(each, what_.group) == topic;
           });
}

/// Beside each partition of a subject.
void kafka_source::add_parking(rd_kafka_topic_partition_list_t& list) const {
    for (int i = list.cnt - 1; i >= 0; --i) {
        const std::string topic = list.elems[i].topic;
        const auto number = list.elems[i].partition;
        const auto found = parking_counts_.find(topic);
        if (found == parking_counts_.end() || number >= found->second)
            continue;
        const auto beside = parking_topic(topic, what_.group);
        if (rd_kafka_topic_partition_list_find(&list, beside.c_str(), number) == nullptr)
            rd_kafka_topic_partition_list_add(&list, beside.c_str(), number);
    }
}

/// Makes what is missing, and adds it. Throws when that is not allowed: another member may be, and
/// its messages would be overtaken.
bool kafka_source::find_parking(rd_kafka_topic_partition_list_t& list, std::string& trouble) {
    if (what_.parking == parking_use::ignored)
        return true;
    const cluster_view cluster{client_, options_.brokers};
    try {
        for (int i = 0; i < list.cnt; ++i) {
            const std::string topic = list.elems[i].topic;
            if (is_parking(topic) || retry_topic_delay(what_.group, topic) ||
                parking_counts_.contains(topic))
                continue;
            const auto beside = parking_topic(topic, what_.group);
            auto count = cluster.partitions_of({beside}, question_patience).size();
            if (count == 0 && what_.parking == parking_use::made) {
                count = cluster.partitions_of({topic}, question_patience).size();
                sender_->make_topics({beside}, question_patience, static_cast<int>(count));
                count = cluster.partitions_of({beside}, question_patience).size();
                if (count == 0) {
                    trouble = beside + " was made and is not there yet";
                    return false;
                }
            }
            parking_counts_[topic] = static_cast<int>(count);
        }
    } catch (const error& e) {
        if (e.kind() != error_kind::unreachable)
            throw;
        trouble = e.what();
        return false;
    }
    add_parking(list);
    return true;
}

/// Answers the rebalance that took partitions away.
void kafka_source::give_back() {
    const auto list = std::move(to_give_back_);
    if (!list)
        return;
    for (int i = 0; i < list->cnt; ++i) {
        if (const auto* ours = book_.find(list->elems[i].topic, list->elems[i].partition))
            book_.remove(ours->handle);
    }
    auto code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (cooperative_) {
        // Some may have been taken away before they were taken over; one such, and librdkafka would
        // take none back.
        rd_kafka_topic_partition_list_t* raw = nullptr;
        code = rd_kafka_assignment(client_, &raw);
        const partition_list taken{raw};
        for (int i = list->cnt - 1; taken && i >= 0; --i) {
            const auto& each = list->elems[i];
            if (rd_kafka_topic_partition_list_find(taken.get(), each.topic, each.partition) ==
                nullptr)
                rd_kafka_topic_partition_list_del_by_idx(list.get(), i);
        }
        if (rd_kafka_error_t* const refusal = rd_kafka_incremental_unassign(client_, list.get())) {
            code = rd_kafka_error_code(refusal);
            rd_kafka_error_destroy(refusal);
        }
    } else
        code = rd_kafka_assign(client_, nullptr);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        refused("giving partitions back", code);
}

void kafka_source::release(partition_handle partition) {
    if (not_released_.erase(partition) > 0 && not_released_.empty())
        give_back();
    else if (!to_give_back_)
        book_.remove(partition); // left, because we are stopping
}

// ---- a client that refuses ----------------------------------------------------------------------

/// What must not be refused: its partitions would be read by nobody, or the group would wait for us
/// for ever. What we and the client take for ours differs then, and it is replaced.
void kafka_source::refused(const char* what, rd_kafka_resp_err_t code) {
    if (closing_ || !refusal_.empty())
        return;
    const auto now = system_clock().ticks();
    if (now - refused_at_ > refusals_forgotten)
        refusals_ = 0;
    refused_at_ = now;
    join_anew_at_ = now + backoff(refusal_waits, ++refusals_, system_random());
    refusal_ = std::string{what} + " was refused by librdkafka: " + rd_kafka_err2str(code);
}

/// Of a call that answers for each partition.
void kafka_source::check(const char* what, const rd_kafka_topic_partition_list_t& answered) {
    for (int i = 0; i < answered.cnt; ++i) {
        if (answered.elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            refused(what, answered.elems[i].err);
    }
}

/// As a new member, which begins where the group has come to.
void kafka_source::join_anew(std::vector<source_event_type>& news) {
    if (refusal_.empty() || system_clock().ticks() < join_anew_at_)
        return;
    news.emplace_back(source_event::trouble{refusal_ + "; the group is left and joined anew"});
    // Without a group nobody but us knows how far we are.
    partition_list places = make_list();
    if (what_.broadcast && to_take_over_)
        places.reset(rd_kafka_topic_partition_list_copy(to_take_over_.get()));
    for (const auto handle : book_.all()) {
        const auto& ours = *book_.find(handle);
        rd_kafka_topic_partition_list_add(places.get(), ours.topic.c_str(), ours.number)->offset =
            std::max(ours.begins_at, ours.next_offset);
        notes_.emplace_back(source_event::revoked{handle, true});
    }
    book_.clear();
    end_client();
    std::move(notes_.begin(), notes_.end(), std::back_inserter(news));
    notes_.clear();
    if (!committing_.empty()) {
        source_event::committed answer{.trouble = refusal_};
        for (const auto handle : std::exchange(committing_, {}))
            answer.results.emplace_back(handle, consumer_event::commit_result::failed);
        news.emplace_back(std::move(answer));
    }
    refusal_.clear();
    make_client();
    if (what_.broadcast)
        to_take_over_ = std::move(places);
    else
        subscribe();
}

} // namespace outbox::kafka
