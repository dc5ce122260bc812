#include "outbox/consumer/kafka/kafka_source.hpp"

#include "outbox/base/backoff.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/random.hpp"
#include "outbox/consumer/kafka/cluster_view.hpp"
#include "outbox/consumer/kafka/consumer_configuration.hpp"
#include "outbox/consumer/kafka/record_copy.hpp"
#include "outbox/consumer/kafka/start_finder.hpp"
#include "outbox/consumer/record_marks.hpp"
#include "outbox/librdkafka/log_bridge.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <system_error>
#include <utility>

namespace outbox::kafka {

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds look_for_partitions{30};

struct event_deleter {
    void operator()(rd_kafka_event_t* event) const noexcept { rd_kafka_event_destroy(event); }
};
struct message_deleter {
    void operator()(rd_kafka_message_t* message) const noexcept {
        rd_kafka_message_destroy(message);
    }
};

/// Another member has our place.
bool is_fenced(rd_kafka_resp_err_t code) noexcept {
    return code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID || code == RD_KAFKA_RESP_ERR__FENCED ||
           code == RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST;
}

std::string words_of_fatal(rd_kafka_t& client) {
    std::array<char, 512> words{};
    rd_kafka_fatal_error(&client, words.data(), words.size());
    return words.data();
}

} // namespace

kafka_source::kafka_source(kafka_source_options options)
    : options_(std::move(options))
    , what_{.group = group_name{"none"}}
    , wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (wake_.get() < 0)
        throw error{
            error_kind::io,
            "Kafka consumer: eventfd: " + std::system_category().message(errno)};
}

kafka_source::~kafka_source() {
    close();
}

void kafka_source::make_client() {
    configuration conf{"Kafka consumer"};
    configure_consumer(conf, options_, what_.group, what_.parking != parking_use::ignored);
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_rebalance_cb(conf.get(), &note_rebalance);
    rd_kafka_conf_set_error_cb(conf.get(), &note_error);
    rd_kafka_conf_set_log_cb(conf.get(), &log_from_librdkafka);
    client_ = conf.make(RD_KAFKA_CONSUMER);
    rd_kafka_poll_set_consumer(client_);
    const std::uint64_t one = 1;
    messages_ = rd_kafka_queue_get_consumer(client_);
    rd_kafka_queue_io_event_enable(messages_, wake_.get(), &one, sizeof one);
    commits_ = rd_kafka_queue_new(client_);
    rd_kafka_queue_io_event_enable(commits_, wake_.get(), &one, sizeof one);
}

void kafka_source::open(const subscription& what, milliseconds patience) {
    what_ = what;
    configuration tried{"Kafka consumer"}; // before anybody is waited for
    configure_consumer(tried, options_, what_.group, false);
    if (!sender_)
        sender_.emplace(options_, wake_.get());
    sender_->make_topics(what_.own_topics, patience);
    if (what_.broadcast) {
        if (client_ == nullptr)
            make_client();
        assign_everything(patience);
        return;
    }
    topics_ = topics_to_read(patience);
    make_client();
    subscribe();
}

std::vector<std::string> kafka_source::topics_to_read(milliseconds patience) {
    std::set<std::string> topics{what_.topics.begin(), what_.topics.end()};
    topics.insert(what_.own_topics.begin(), what_.own_topics.end());
    bool has_parking = false;
    for (auto& name : cluster_view{sender_->client(), options_.brokers}.topics(patience)) {
        has_parking = has_parking || is_parking(name);
        if (retry_topic_delay(what_.group, name))
            topics.insert(std::move(name));
    }
    if (what_.parking == parking_use::read && !has_parking)
        what_.parking = parking_use::ignored;
    return {topics.begin(), topics.end()};
}

// ---- callbacks: only notes ----------------------------------------------------------------------

void kafka_source::note_error(rd_kafka_t* client, int code, const char* text, void* opaque) {
    auto& self = *static_cast<kafka_source*>(opaque);
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        self.fatal_ = words_of_fatal(*client);
    else
        self.notes_.emplace_back(source_event::trouble{text});
}

// ---- without a group ----------------------------------------------------------------------------

void kafka_source::assign_everything(milliseconds patience) {
    const auto all = cluster_view{client_, options_.brokers}.partitions_of(what_.topics, patience);
    to_take_over_ = make_list(static_cast<int>(all.size()));
    cooperative_ = true; // what is new is added to what is there
    for (const auto& [topic, number] : all)
        rd_kafka_topic_partition_list_add(to_take_over_.get(), topic.c_str(), number);
    look_again_at_ = system_clock().ticks() + look_for_partitions;
}

void kafka_source::look_for_new_partitions(std::vector<source_event_type>& news) {
    if (!what_.broadcast || to_take_over_ || system_clock().ticks() < look_again_at_)
        return;
    look_again_at_ = system_clock().ticks() + look_for_partitions;
    try {
        auto fresh = make_list();
        for (const auto& [topic, number] : cluster_view{client_, options_.brokers}
                                               .partitions_of(what_.topics, question_patience)) {
            if (book_.find(topic, number) == nullptr)
                rd_kafka_topic_partition_list_add(fresh.get(), topic.c_str(), number);
        }
        // What was sent to a partition before it was seen is as new as what comes now.
        what_.start = start_point::first();
        if (fresh->cnt > 0)
            to_take_over_ = std::move(fresh);
    } catch (const error& away) {
        news.emplace_back(source_event::trouble{away.what()});
    }
}

// ---- reading ------------------------------------------------------------------------------------

void kafka_source::poll(
    milliseconds timeout,
    poll_limits limits,
    std::vector<source_event_type>& news
) {
    const auto until = system_clock().ticks() + timeout;
    while (true) {
        std::uint64_t count = 0; // read before looking, so that nothing is missed
        const bool woken = ::read(wake_.get(), &count, sizeof count) > 0;
        const auto before = news.size();
        serve(limits, news);
        const auto now = system_clock().ticks();
        if (news.size() > before || now >= until || (woken && wanted_.exchange(false)))
            return;
        const auto left = std::chrono::ceil<milliseconds>(until - now);
        pollfd wait{.fd = wake_.get(), .events = POLLIN, .revents = 0};
        ::poll(&wait, 1, as_int(std::min(left, question_pause)));
    }
}

void kafka_source::serve(poll_limits limits, std::vector<source_event_type>& news) {
    sender_->serve(news);
    hear_commits(news);
    join_anew(news);
    look_for_new_partitions(news);
    take_over(news);
    std::size_t bytes_told = 0;
    for (std::size_t count = 0; count < limits.count_max && bytes_told < limits.bytes_max;
         ++count) {
        const std::unique_ptr<rd_kafka_message_t, message_deleter> message{
            rd_kafka_consumer_poll(client_, 0)};
        tell_notes(news);
        if (!message)
            break;
        bytes_told += hear(*message, news);
        if (count + 1 == limits.count_max || bytes_told >= limits.bytes_max)
            wake_up(); // there may be more
    }
    if (!fatal_.empty())
        throw error{
            error_kind::conflict,
            "Kafka consumer: " + fatal_,
            "librdkafka has given up; is another member using the same group.instance.id?"};
    take_over(news);
}

/// After a call in which a callback may have run: its news comes before what was read after it.
void kafka_source::tell_notes(std::vector<source_event_type>& news) {
    std::move(notes_.begin(), notes_.end(), std::back_inserter(news));
    notes_.clear();
}

/// Returns the bytes of the record, if it is told.
std::size_t
kafka_source::hear(const rd_kafka_message_t& message, std::vector<source_event_type>& news) {
    if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        auto* const ours = book_.home_of(message);
        if (ours != nullptr && std::exchange(ours->catches_up, false))
            news.emplace_back(source_event::caught_up{ours->handle});
        return 0;
    }
    if (message.err == RD_KAFKA_RESP_ERR__FATAL) { // a member hears of it here, see note_error()
        fatal_ = words_of_fatal(*client_);
        return 0;
    }
    if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        std::string text = rd_kafka_message_errstr(&message);
        if (message.rkt != nullptr)
            text = std::string{rd_kafka_topic_name(message.rkt)} + ": " + text;
        news.emplace_back(source_event::trouble{std::move(text)});
        return 0;
    }
    auto* const ours = book_.home_of(message);
    if (ours == nullptr || message.offset < ours->next_offset)
        return 0;
    ours->next_offset = message.offset + 1;
    auto copy = copy_record(message);
    const auto size = copy.size_bytes();
    news.emplace_back(source_event::fetched{ours->handle, std::move(copy)});
    return size;
}

void kafka_source::pause(partition_handle partition) {
    if (const auto list = list_of(partition)) {
        rd_kafka_pause_partitions(client_, list.get());
        check("pausing", *list);
    }
}

void kafka_source::resume(partition_handle partition) {
    if (const auto list = list_of(partition)) {
        rd_kafka_resume_partitions(client_, list.get());
        check("resuming", *list);
    }
}

/// Null when it is not ours any more.
partition_list kafka_source::list_of(partition_handle partition) const {
    const auto* const ours = book_.find(partition);
    if (ours == nullptr)
        return nullptr;
    auto list = make_list();
    rd_kafka_topic_partition_list_add(list.get(), ours->topic.c_str(), ours->number);
    return list;
}

void kafka_source::commit(const std::vector<std::pair<partition_handle, std::int64_t>>& offsets) {
    const auto list = make_list(static_cast<int>(offsets.size()));
    committing_.clear();
    for (const auto& [handle, offset] : offsets) {
        committing_.push_back(handle);
        if (const auto* ours = book_.find(handle))
            rd_kafka_topic_partition_list_add(list.get(), ours->topic.c_str(), ours->number)
                ->offset = offset;
    }
    const auto code = rd_kafka_commit_queue(client_, list.get(), commits_, nullptr, nullptr);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    source_event::committed answer{.trouble = rd_kafka_err2str(code)};
    for (const auto handle : std::exchange(committing_, {}))
        answer.results.emplace_back(handle, result_of(code, handle));
    notes_.emplace_back(std::move(answer));
    wake_up();
}

/// A client that is joining again anyway keeps what it has until the group has decided, and if that
/// is the same, it says nothing.
consumer_event::commit_result
kafka_source::result_of(rd_kafka_resp_err_t code, partition_handle of) const {
    using enum consumer_event::commit_result;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return committed;
    if (is_fenced(code))
        return fenced;
    if (code != RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION && code != RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID)
        return failed;
    if (rd_kafka_assignment_lost(client_) != 0 || not_released_.contains(of))
        return fenced;
    return code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ? refused : forgotten;
}

void kafka_source::hear_commits(std::vector<source_event_type>& news) {
    while (const std::unique_ptr<rd_kafka_event_t, event_deleter> event{
        rd_kafka_queue_poll(commits_, 0)}) {
        if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_OFFSET_COMMIT)
            continue;
        const auto whole = rd_kafka_event_error(event.get());
        const auto* const list = rd_kafka_event_topic_partition_list(event.get());
        source_event::committed answer;
        if (whole != RD_KAFKA_RESP_ERR_NO_ERROR)
            answer.trouble = rd_kafka_err2str(whole);
        for (const auto handle : std::exchange(committing_, {})) {
            auto code = whole;
            const auto* const ours = book_.find(handle);
            for (int i = 0; ours != nullptr && list != nullptr && i < list->cnt; ++i) {
                const auto& each = list->elems[i];
                if (each.partition == ours->number && each.topic == ours->topic &&
                    each.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                    code = each.err;
                    answer.trouble = rd_kafka_err2str(code);
                }
            }
            answer.results.emplace_back(handle, result_of(code, handle));
        }
        news.emplace_back(std::move(answer));
    }
}

void kafka_source::send(ticket t, outgoing_record what) {
    sender_->send(t, std::move(what));
    wake_up(); // it may have been refused at once
}

partition_ends kafka_source::ends(partition_handle partition) const {
    partition_ends known;
    if (const auto* ours = book_.find(partition)) {
        if (rd_kafka_get_watermark_offsets(
                client_,
                ours->topic.c_str(),
                ours->number,
                &known.first,
                &known.last
            ) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return {};
    }
    return known;
}

void kafka_source::wake_up() const noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one); // full: awake
}

void kafka_source::wake() noexcept {
    wanted_.store(true);
    wake_up();
}

void kafka_source::close() noexcept {
    end_client();
    sender_.reset();
}

void kafka_source::end_client() noexcept {
    if (client_ == nullptr)
        return;
    closing_ = true;
    // Rebalances that still wait for us; the client does not end before they are answered.
    give_back();
    if (std::exchange(to_take_over_, nullptr)) {
        const auto nothing = make_list();
        if (!cooperative_)
            rd_kafka_assign(client_, nothing.get());
        else if (auto* const refusal = rd_kafka_incremental_assign(client_, nothing.get()))
            rd_kafka_error_destroy(refusal);
    }
    not_released_.clear();
    rd_kafka_consumer_close(client_);
    rd_kafka_queue_io_event_enable(messages_, -1, nullptr, 0);
    rd_kafka_queue_io_event_enable(commits_, -1, nullptr, 0);
    rd_kafka_queue_destroy(messages_);
    rd_kafka_queue_destroy(commits_);
    rd_kafka_destroy(std::exchange(client_, nullptr));
    closing_ = false;
}

} // namespace outbox::kafka
