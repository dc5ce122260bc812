#include "outbox/target/kafka/kafka_target.hpp"

#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"
#include "outbox/base/log.hpp"
#include "outbox/base/unique_fd.hpp"
#include "outbox/message/names.hpp"
#include "outbox/target/kafka/producer_handle.hpp"
#include "outbox/target/kafka/verdict.hpp"
#include "outbox/target/kafka/wave_plan.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

namespace outbox {

namespace {

using namespace kafka;

constexpr std::size_t batch_bytes_default = 1'000'000;
constexpr std::size_t batch_bytes_least = 16'384;

/// A producer that stopped for good may still hear answers to what it had sent; so long we listen,
/// because what is not heard is sent twice.
constexpr std::chrono::milliseconds last_words{500};

std::size_t position_of(void* opaque) noexcept {
    return reinterpret_cast<std::uintptr_t>(opaque);
}
void* opaque_of(std::size_t position) noexcept {
    return reinterpret_cast<void*>(position);
} // NOLINT: a number

} // namespace

class kafka_target::impl {
public:
    explicit impl(kafka_options options)
        : options_(std::move(options))
        , wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (wake_.get() < 0)
            throw error{
                error_kind::io,
                "Kafka target: eventfd: " + std::system_category().message(errno)};
        open(manner::together); // now, so that wrong properties are known now
    }

    const kafka_options& options() const noexcept { return options_; }

    void deliver(std::span<const stored_message* const> wave) {
        wave_ = wave;
        plan_.emplace(wave);
        deadline_ = now() + options_.wave_timeout;
        last_error_.clear();
        next_round();
    }

    void await(std::chrono::milliseconds timeout, std::vector<delivery_outcome>& outcomes) {
        const auto until = now() + timeout;
        while (true) {
            std::uint64_t count = 0; // read before looking, so that nothing is missed
            [[maybe_unused]] const auto read = ::read(wake_.get(), &count, sizeof count);
            serve();
            if (plan_ && plan_->has_outcomes()) {
                plan_->take_outcomes(outcomes);
                if (plan_->open_count() == 0)
                    plan_.reset();
                return;
            }
            const auto time = now();
            if (time >= until || wanted_.exchange(false))
                return;
            sleep(std::min(until, next_deadline()) - time);
        }
    }

    void cancel() {
        if (!plan_)
            return;
        serve_events(); // what has arrived counts
        abandon("given up by the relay");
    }

    void wake() noexcept {
        wanted_.store(true);
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written =
            ::write(wake_.get(), &one, sizeof one); // full: it is awake
    }

private:
    static tick_point now() { return system_clock().ticks(); }

    tick_point next_deadline() const {
        if (!plan_)
            return tick_point::max();
        return stopped_at_ ? std::min(deadline_, *stopped_at_ + last_words) : deadline_;
    }

    void sleep(tick_point::duration longest) const {
        using std::chrono::milliseconds;
        const auto whole = std::chrono::ceil<milliseconds>(longest).count();
        pollfd wait{.fd = wake_.get(), .events = POLLIN, .revents = 0};
        ::poll(&wait, 1, static_cast<int>(std::clamp<std::int64_t>(whole, 0, 60'000)));
    }

    void open(manner how) {
        if (producer_ && how_ == how)
            return;
        producer_.reset();
        stopped_at_.reset();
        failed_ = false;
        producer_ = std::make_unique<producer_handle>(options_, how, batch_bytes_, wake_.get());
        how_ = how;
    }

    /// Everything of the last round is answered: what is next?
    void next_round() {
        while (true) {
            plan_->lose_unanswered(last_error_); // not sent: the producer stopped before
            const auto round = plan_->next();
            if (plan_->batch_was_too_large() && !shrunk_) {
                shrunk_ = true;
                shrink_batches();
            }
            if (round.kind == wave_plan::kind::finished) {
                shrunk_ = false;
                if (how_ == manner::alone || failed_)
                    producer_.reset(); // a gap is behind it, or it was for single messages
                return;
            }
            if (how_ == manner::together && failed_)
                producer_.reset();
            open(round.kind == wave_plan::kind::send_alone ? manner::alone : manner::together);
            round_ = round.positions;
            round_next_ = 0;
            pump();
            if (in_flight_ > 0)
                return;
        }
    }

    void pump() {
        hand_over();
        if (in_flight_ > 0)
            producer_->release();
    }

    /// Hands over what is left of the round. All of it, unless librdkafka's queue is full; then the
    /// rest follows when there is room.
    void hand_over() {
        for (; round_next_ < round_.size(); ++round_next_) {
            const auto position = round_[round_next_];
            if (!plan_->may_send(position))
                continue;
            const auto& content = wave_[position]->content;
            if (!is_subject(content.subject)) {
                plan_->refuse(position, "\"" + content.subject + "\" is not a topic name");
                continue;
            }
            const auto size = content.payload.size() + content.headers.size() +
                              (content.key ? content.key->size() : 0);
            if (size > options_.message_bytes_max) {
                plan_->refuse(
                    position,
                    std::to_string(size) + " bytes; this target takes " +
                        std::to_string(options_.message_bytes_max)
                );
                continue;
            }
            rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
            try {
                code = producer_->produce(*wave_[position], opaque_of(position));
            } catch (const error& undecodable) {
                plan_->refuse(position, undecodable.what());
                continue;
            }
            if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
                ++in_flight_;
                continue;
            }
            if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && in_flight_ > 0)
                return;
            if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) { // said here, of this very message
                plan_->refuse(position, rd_kafka_err2str(code));
                continue;
            }
            if (code == RD_KAFKA_RESP_ERR__FATAL) { // what is on its way may still be answered
                note_stop();
                round_next_ = round_.size();
                return;
            }
            plan_->answer(position, judge(code), rd_kafka_err2str(code));
        }
    }

    void note_stop() {
        if (stopped_at_)
            return;
        stopped_at_ = now();
        failed_ = true;
        last_error_ = producer_->fatal_error();
        log(log_level::warning,
            "target.kafka",
            "the producer stopped and will be replaced: " + last_error_);
    }

    void serve() {
        serve_events();
        while (plan_ && plan_->open_count() > 0) {
            const bool out_of_time = now() >= deadline_;
            if (out_of_time ||
                (stopped_at_ && now() >= *stopped_at_ + last_words && in_flight_ > 0)) {
                if (out_of_time) {
                    abandon(
                        "no answer within " + std::to_string(options_.wave_timeout.count()) +
                        " ms" + (last_error_.empty() ? std::string{} : ": " + last_error_)
                    );
                    return;
                }
                // Its last words are spoken. What it did not answer for is lost with it; the plan
                // knows what follows.
                plan_->lose_unanswered(last_error_);
                producer_.reset();
                in_flight_ = 0;
                round_next_ = round_.size();
            }
            if (in_flight_ > 0 || round_next_ < round_.size())
                return;
            next_round();
        }
    }

    void serve_events() {
        if (!producer_)
            return;
        while (const auto event = producer_->poll()) {
            switch (rd_kafka_event_type(event.get())) {
            case RD_KAFKA_EVENT_DR:
                while (const rd_kafka_message_t* report = rd_kafka_event_message_next(event.get()))
                    hear(*report);
                break;
            case RD_KAFKA_EVENT_ERROR:
                if (rd_kafka_event_error_is_fatal(event.get()) != 0)
                    note_stop();
                else if (const char* words = rd_kafka_event_error_string(event.get()))
                    last_error_ = words;
                break;
            default:
                break;
            }
        }
        if (plan_ && round_next_ < round_.size())
            pump();
    }

    void hear(const rd_kafka_message_t& report) {
        --in_flight_;
        if (report.err == RD_KAFKA_RESP_ERR_NO_ERROR)
            plan_->answer(
                position_of(report._private),
                verdict::delivered,
                {},
                {report.partition, report.offset}
            );
        else {
            failed_ = true;
            plan_->answer(
                position_of(report._private),
                judge(report.err),
                rd_kafka_err2str(report.err)
            );
        }
    }

    /// Nothing of this wave is waited for any more. The producer goes: what it has sent and not
    /// answered may stand in the log or not, and what it has not sent must never follow.
    void abandon(const std::string& reason) {
        plan_->give_up(reason);
        producer_.reset();
        stopped_at_.reset();
        in_flight_ = 0;
        round_ = {};
        round_next_ = 0;
        shrunk_ = false;
    }

    void shrink_batches() {
        const auto smaller = std::max(batch_bytes_least, batch_bytes_ / 2);
        if (smaller == batch_bytes_)
            return;
        batch_bytes_ = smaller;
        log(log_level::warning,
            "target.kafka",
            "a broker refused a batch whose messages it takes one by one; batches have at most " +
                std::to_string(batch_bytes_) +
                " bytes from now on. Raising max.message.bytes there brings them back");
    }

    kafka_options options_;
    unique_fd wake_;
    std::atomic<bool> wanted_ = false; // wake() was called, as opposed to librdkafka having news
    std::size_t batch_bytes_ = batch_bytes_default;

    std::unique_ptr<producer_handle> producer_;
    manner how_ = manner::together;
    std::optional<tick_point> stopped_at_; // the producer has met a fatal error
    bool failed_ = false; // something that it took was not delivered: there may be a gap
    std::string last_error_;

    std::span<const stored_message* const> wave_;
    std::optional<wave_plan> plan_;
    tick_point deadline_{};
    std::span<const std::size_t> round_;
    std::size_t round_next_ = 0;
    std::size_t in_flight_ = 0;
    bool shrunk_ = false; // in this wave
};

kafka_target::kafka_target(kafka_options options)
    : impl_(std::make_unique<impl>(std::move(options))) {}
kafka_target::~kafka_target() = default;

target_capabilities kafka_target::capabilities() const {
    return {.message_bytes_max = impl_->options().message_bytes_max};
}

void kafka_target::deliver(std::span<const stored_message* const> wave) {
    impl_->deliver(wave);
}
void kafka_target::await(
    std::chrono::milliseconds timeout,
    std::vector<delivery_outcome>& outcomes
) {
    impl_->await(timeout, outcomes);
}
void kafka_target::cancel() {
    impl_->cancel();
}
void kafka_target::wake() noexcept {
    impl_->wake();
}

} // namespace outbox
