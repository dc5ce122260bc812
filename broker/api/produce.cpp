#include "broker/api/handle.hpp"
#include "broker/api/log_error.hpp"
#include "outbox/base/log.hpp"
#include "wire/record_batch.hpp"

#include <atomic>
#include <memory>
#include <span>

namespace outbox::broker {

namespace {

using request_call = call<wire::produce_api>;
using answer_row = wire::produce_response::partition;
using wire::error_code;

constexpr std::int16_t first_served_version = 3;
constexpr std::int16_t acks_none = 0;

/// One Produce from its appends to its answer. The rows are made before the first callback can run;
/// each callback writes its own row and the last of them goes back to the loop.
struct produce_work {
    explicit produce_work(request_call r) : request(std::move(r)) {}

    request_call request;
    wire::produce_response response;
    std::atomic<int> pending{1}; // one for the handler itself, until it has made every append
};

void fail(answer_row& row, error_code code, std::string why) {
    row.error = code;
    row.error_message = std::move(why);
}

void finish(produce_work& work) {
    if (work.request.request().acks == acks_none) {
        for (const auto& topic : work.response.topics)
            for (const auto& row : topic.partitions)
                if (row.error != error_code::none) {
                    // Without an answer, closing is the only way to make the client look.
                    work.request.give_up(
                        "a batch for " + topic.name + "-" + std::to_string(row.index) +
                        " with acks=0 was refused: " +
                        row.error_message.value_or(to_string(row.error))
                    );
                    return;
                }
        work.request.answer_nothing();
        return;
    }
    work.request.answer(work.response);
}

void release(core& broker, const std::shared_ptr<produce_work>& work) {
    if (work->pending.fetch_sub(1, std::memory_order_acq_rel) == 1)
        broker.loop.post([work] { finish(*work); });
}

/// Why the batch cannot be taken, before the log is asked.
bool accept(core& broker, const std::string& topic, bytes_view batch, answer_row& row) {
    const auto limit = broker.message_bytes_max(topic);
    if (static_cast<std::int64_t>(batch.size()) > limit) {
        fail(
            row,
            error_code::message_too_large,
            "the batch has " + std::to_string(batch.size()) +
                " bytes; max.message.bytes of this topic is " + std::to_string(limit)
        );
        return false;
    }
    if (const wire::batch_fault fault = wire::check_produced_batch(batch); !fault.ok()) {
        fail(row, fault.code, fault.why);
        return false;
    }
    if (wire::read_batch_header(batch)->transactional()) {
        fail(row, error_code::invalid_record, "this broker has no transactions");
        return false;
    }
    return true;
}

void append(
    core& broker,
    const std::shared_ptr<produce_work>& work,
    const std::string& topic,
    const wire::produce_request::partition& asked,
    answer_row& row
) {
    const auto log_of = broker.logs.find_partition(topic, asked.index);
    if (!log_of) {
        fail(row, error_code::unknown_topic_or_partition, "there is no such topic or partition");
        return;
    }
    if (is_internal_topic(topic)) {
        fail(row, error_code::invalid_topic_exception, "only the broker itself writes to it");
        return;
    }
    const bytes_view batch = asked.records.value_or(bytes_view{});
    if (!accept(broker, topic, batch, row))
        return;
    // The view points into the frame, which this request owns alone: the log may write into it.
    bytes& frame = work->request.frame();
    const auto at = static_cast<std::size_t>(batch.data() - frame.data());
    const append_result result = log_of->append(std::span(frame).subspan(at, batch.size()));
    if (result.error) {
        fail(row, to_error_code(result.error), result.error.message());
        if (row.error == error_code::kafka_storage_error)
            log(log_level::error,
                "broker",
                "append to " + topic + "-" + std::to_string(asked.index) +
                    " failed: " + result.error.message());
        return;
    }
    row.base_offset = result.base_offset;
    row.log_start_offset = result.log_start_offset;
    if (work->request.request().acks == acks_none)
        return;
    work->pending.fetch_add(1, std::memory_order_relaxed);
    log_of->when_durable(result.ticket, [&broker, work, &row](std::error_code ec) {
        if (ec) {
            row.base_offset = -1;
            fail(row, to_error_code(ec), ec.message());
        }
        release(broker, work);
    });
}

/// Appends nothing: every partition gets the same answer.
void refuse(request_call& request, error_code code, const std::string& why) {
    if (request.request().acks == acks_none) {
        request.give_up("a Produce with acks=0 was refused: " + why);
        return;
    }
    wire::produce_response response;
    for (const auto& topic : request.request().topics) {
        auto& rows = response.topics.emplace_back();
        rows.name = topic.name;
        for (const auto& partition : topic.partitions)
            rows.partitions.push_back(
                {.index = partition.index, .error = code, .error_message = why}
            );
    }
    request.answer(response);
}

} // namespace

void handle_produce(core& broker, request_call request) {
    const std::int16_t acks = request.request().acks;
    if (request.version() < first_served_version) {
        refuse(request, error_code::unsupported_version, "Produce is served from v3 on");
        return;
    }
    if (acks < -1 || acks > 1) {
        refuse(request, error_code::invalid_required_acks, "acks is 0, 1 or -1 (all)");
        return;
    }
    if (request.request().transactional_id) {
        refuse(
            request,
            error_code::transactional_id_authorization_failed,
            "this broker has no transactions"
        );
        return;
    }
    auto work = std::make_shared<produce_work>(std::move(request));
    const auto& topics = work->request.request().topics;
    work->response.topics.resize(topics.size());
    for (std::size_t t = 0; t < topics.size(); ++t) {
        auto& rows = work->response.topics[t];
        rows.name = topics[t].name;
        rows.partitions.resize(topics[t].partitions.size());
        for (std::size_t p = 0; p < rows.partitions.size(); ++p) {
            rows.partitions[p].index = topics[t].partitions[p].index;
            append(broker, work, rows.name, topics[t].partitions[p], rows.partitions[p]);
        }
    }
    release(broker, work);
}

} // namespace outbox::broker
