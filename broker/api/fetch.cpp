#include "broker/api/handle.hpp"
#include "broker/api/leader_epoch.hpp"
#include "broker/api/limits.hpp"
#include "broker/api/log_error.hpp"
#include "broker/api/named_before.hpp"
#include "outbox/base/log.hpp"
#include "wire/record_batch.hpp"

#include <algorithm>
#include <memory>

namespace outbox::broker {

namespace {

using request_call = call<wire::fetch_api>;
using wire::error_code;

/// One Fetch: what it has collected so far, partition by partition. When it has to wait it keeps
/// what it has, and looks only for what came after.
class fetch_work final : public waiting_request {
public:
    fetch_work(core& broker, request_call request)
        : broker_(broker)
        , request_(std::move(request))
        , bytes_max_(static_cast<std::size_t>(
              std::clamp<std::int64_t>(request_.request().max_bytes, 0, fetch_bytes_max)
          )) {
        named_before known;
        for (const auto& topic : request_.request().topics)
            for (const auto& asked : topic.partitions)
                if (!known(topic.name, asked.index))
                    parts_.push_back(open(topic.name, asked));
    }

    /// Reads what there is. True when the answer can be given: enough bytes, or something the
    /// client must learn now.
    bool collect() {
        for (part& p : parts_)
            read(p);
        return failed_ || collected_ >= bytes_max_ ||
               collected_ >= static_cast<std::size_t>(std::max(0, request_.request().min_bytes));
    }

    bool look_again() override {
        if (!collect())
            return false;
        finish();
        return true;
    }

    void finish() override {
        wire::fetch_response response;
        for (const part& p : parts_) {
            if (response.topics.empty() || response.topics.back().name != *p.topic)
                response.topics.emplace_back().name = *p.topic;
            response.topics.back().partitions.push_back(answer(p));
        }
        request_.answer(response);
    }

    std::uint64_t connection() const { return request_.connection(); }

    tick_point deadline() const {
        const auto wait = std::chrono::milliseconds(std::max(0, request_.request().max_wait_ms));
        return broker_.time.ticks() + std::min(wait, fetch_wait_max);
    }

    std::vector<const void*> partitions() const {
        std::vector<const void*> out;
        for (const part& p : parts_)
            if (p.log)
                out.push_back(p.log.get());
        return out;
    }

private:
    struct part {
        const std::string* topic = nullptr; // in the request
        std::int32_t index = 0;
        std::shared_ptr<partition_log> log{}; // null when there is an error
        std::int64_t offset = 0;              // the next one to read
        std::size_t bytes_max = 0;
        error_code error = error_code::none;
        std::int64_t high_watermark = -1;
        std::int64_t log_start = -1;
        bytes records{};
    };

    part open(const std::string& topic, const wire::fetch_request::partition& asked) {
        part p{.topic = &topic, .index = asked.index, .offset = asked.fetch_offset};
        p.bytes_max = static_cast<std::size_t>(std::max(0, asked.partition_max_bytes));
        p.log = broker_.logs.find_partition(topic, asked.index);
        if (!p.log)
            fail(p, error_code::unknown_topic_or_partition);
        else if (const auto fault =
                     check_leader_epoch(asked.current_leader_epoch, broker_.logs.leader_epoch());
                 fault != error_code::none)
            fail(p, fault);
        return p;
    }

    void fail(part& p, error_code code) {
        p.error = code;
        p.log.reset();
        failed_ = true;
    }

    void read(part& p) {
        if (!p.log)
            return;
        const std::size_t left = std::min(
            bytes_max_ - std::min(bytes_max_, collected_),
            p.bytes_max - std::min(p.bytes_max, p.records.size())
        );
        // Limits bend for the first batch only: without it a large one would never be read.
        const bool first = collected_ == 0;
        if (left < wire::batch_header_bytes && !first) { // no batch is smaller
            const log_offsets offsets = p.log->offsets();
            p.high_watermark = offsets.high_watermark;
            p.log_start = offsets.log_start;
            return;
        }
        read_result got =
            p.log->read(p.offset, left, first ? first_batch::always : first_batch::if_it_fits);
        p.high_watermark = got.high_watermark;
        p.log_start = got.log_start_offset;
        if (got.error) {
            if (p.records.empty()) {
                log_refusal(p, got.error);
                fail(p, to_error_code(got.error));
            }
            return;
        }
        if (got.batches.empty())
            return;
        p.offset = end_of(got.batches, p.offset);
        collected_ += got.batches.size();
        if (p.records.empty())
            p.records = std::move(got.batches);
        else
            p.records += got.batches;
    }

    static std::int64_t end_of(bytes_view batches, std::int64_t from) {
        while (const auto header = wire::read_batch_header(batches)) {
            from = header->last_offset() + 1;
            batches.remove_prefix(std::min(batches.size(), header->total_bytes()));
        }
        return from;
    }

    static void log_refusal(const part& p, std::error_code ec) {
        if (ec == log_errc::offset_out_of_range || ec == log_errc::closed)
            return; // the client's business
        const topic_partition& name = p.log->name();
        log(log_level::error,
            "broker",
            "read of " + name.topic + "-" + std::to_string(name.partition) + " at offset " +
                std::to_string(p.offset) + " failed: " + ec.message());
    }

    static wire::fetch_response::partition answer(const part& p) {
        return {
            .index = p.index,
            .error = p.error,
            .high_watermark = p.high_watermark,
            .last_stable_offset = p.high_watermark, // without transactions they are the same
            .log_start_offset = p.log_start,
            .records = bytes_view(p.records),
        };
    }

    core& broker_;
    request_call request_;
    std::size_t bytes_max_;
    std::vector<part> parts_;
    std::size_t collected_ = 0;
    bool failed_ = false;
};

} // namespace

void handle_fetch(core& broker, request_call request) {
    auto work = std::make_shared<fetch_work>(broker, std::move(request));
    const tick_point deadline = work->deadline();
    if (work->collect() || deadline <= broker.time.ticks()) {
        work->finish();
        return;
    }
    const auto connection = work->connection();
    auto partitions = work->partitions();
    broker.wait(std::move(work), connection, deadline, std::move(partitions));
}

} // namespace outbox::broker
