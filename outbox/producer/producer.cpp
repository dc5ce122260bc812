#include "outbox/producer/producer.hpp"

#include "outbox/base/error.hpp"
#include "outbox/producer/background.hpp"

#include <algorithm>

namespace outbox {
namespace {

// Beyond the deadline of a post that is waited for: time for a row to be written.
constexpr std::chrono::milliseconds grace{10'000};

// A clock cannot add the longest time there is.
std::chrono::milliseconds bounded(std::chrono::milliseconds time) {
    constexpr std::chrono::milliseconds longest = std::chrono::hours{10 * 365 * 24};
    return std::clamp(time, std::chrono::milliseconds{0}, longest);
}

// What both the user and the target allow.
producer_options known_limits(producer_options options) {
    if (!options.target)
        return options;
    message_limits& ours = options.limits;
    const target_capabilities theirs = options.target->capabilities();
    if (theirs.message_bytes_max > 0)
        ours.message_bytes_max = std::min(ours.message_bytes_max, theirs.message_bytes_max);
    ours.subject_bytes_max = std::min(ours.subject_bytes_max, theirs.subject_bytes_max);
    ours.tag_count_max = std::min(ours.tag_count_max, theirs.tag_count_max);
    return options;
}

} // namespace

producer::producer(producer_options options)
    : options_(known_limits(std::move(options)))
    , next_id_(options_.next_id)
    , fates_(std::make_shared<background>(
          background::settings{
              .receipt_address = options_.receipts.address,
              .receipt_deadline = bounded(options_.receipts.deadline),
              .pending_max = options_.receipts.pending_max,
              .rows = options_.database,
              .posts = options_.posts,
          },
          std::move(options_.target)
      )) {
    if (options_.database != nullptr && options_.database->name() != options_.name)
        throw usage_error(
            "outbox: a producer for the outbox \"" + options_.name.text() +
            "\" has a database with the outbox \"" + options_.database->name().text() +
            "\"; give both the same name"
        );
    if (!next_id_)
        next_id_ = [generator = std::make_shared<message_id_generator>()] {
            return generator->next();
        };
}

producer::~producer() {
    stop(options_.stop_patience);
}

void producer::stop(std::chrono::milliseconds patience) noexcept {
    const auto alive = fates_; // a listener may destroy the producer meanwhile
    alive->stop(bounded(patience));
}

void producer::committed(const message_id& id) noexcept {
    fates_->committed({&id, 1});
}

send_fate producer::wait_delivered(const receipt& r, std::chrono::milliseconds patience) const {
    fates_->refuse_in_child();
    detail::receipt_state& state = *r.state_;
    std::unique_lock lock{state.mutex};
    state.changed.wait_for(lock, bounded(patience), [&] {
        return state.report || !state.withdrawn.empty();
    });
    if (state.report)
        return state.report->fate;
    if (!state.withdrawn.empty())
        throw error(
            error_kind::rejected,
            "there is nothing to wait for, message " + r.id_.text() +
                " is not known: " + state.withdrawn,
            "wait after the transaction has committed"
        );
    return send_fate::left_to_watchdog;
}

message_id producer::post(const message& m, const post_options& how, send_listener listener) {
    envelope row = freeze(m, next_id_(), options_.limits);
    const message_id id = row.id;
    post_frozen(std::move(row), watcher{.listener = std::move(listener), .receipt = nullptr}, how);
    return id;
}

receipt producer::post(const message& m, const post_options& how, with_receipt_t) {
    envelope row = freeze(m, next_id_(), options_.limits);
    receipt made{row.id, std::make_shared<detail::receipt_state>()};
    post_frozen(std::move(row), watcher{.listener = {}, .receipt = made.state_}, how);
    return made;
}

std::vector<message_id> producer::post(
    std::span<const message> several,
    const post_options& how,
    const send_listener& listener
) {
    std::vector<envelope> rows; // all are frozen before the first is posted
    std::vector<message_id> ids;
    for (const message& m : several) {
        rows.push_back(freeze(m, next_id_(), options_.limits));
        ids.push_back(rows.back().id);
    }
    const watcher who{.listener = listener, .receipt = nullptr};
    if (how.durability == durability::persistent) {
        if (!rows.empty())
            fates_->post_rows(std::move(rows), who, bounded(how.deadline));
        return ids;
    }
    for (envelope& row : rows)
        post_frozen(std::move(row), who, how);
    return ids;
}

delivery_report producer::post_and_wait(const message& m, const post_options& how) {
    const receipt posted = post(m, how, with_receipt);
    const send_fate fate = wait_delivered(posted, bounded(how.deadline) + grace);
    if (auto report = posted.report())
        return *report;
    throw error(
        error_kind::unreachable,
        "message " + posted.id().text() + " is neither delivered nor stored (" + to_string(fate) +
            ")",
        "target and database are away; it is kept in memory and tried on"
    );
}

void producer::post_frozen(envelope&& row, watcher who, const post_options& how) {
    using std::chrono::milliseconds;
    const milliseconds deadline = bounded(how.deadline);
    const bool never_a_row =
        how.durability == durability::in_memory || how.durability == durability::best_effort;
    if (row.deliver && never_a_row)
        throw error(
            error_kind::invalid_argument,
            std::string{"a message to "} + row.subject + " with a delivery time was posted " +
                to_string(how.durability),
            "only the database can wait with a message: post it persistent"
        );
    switch (how.durability) {
    case durability::transactional:
        throw usage_error("outbox: post() has no transaction; use transact(), join() or send(), or "
                          "post with another durability");
    case durability::persistent:
        fates_->post_row(std::move(row), std::move(who), deadline);
        return;
    case durability::store_on_failure:
        if (fates_->rows() == nullptr)
            throw usage_error("outbox: post() with store_on_failure needs a database: put one into "
                              "producer_options::database");
        if (row.key || row.deliver ||
            !fates_->post_direct(row, who, how.durability, deadline, milliseconds{0}))
            fates_->post_row(std::move(row), std::move(who), deadline);
        return;
    case durability::in_memory:
        if (!fates_->post_direct(row, who, how.durability, deadline, deadline))
            throw error(
                error_kind::unreachable,
                "message " + row.id.text() + " to " + row.subject +
                    " was not posted: the queue in memory, or that of the listeners, is full",
                "the target is away or too slow; post less, or with a row"
            );
        return;
    case durability::best_effort:
        if (!fates_->post_direct(row, who, how.durability, deadline, milliseconds{0}))
            background::drop(who, row.id, row.subject);
        return;
    }
}

void producer::refuse_name(const outbox_name& name) {
    throw usage_error(
        "outbox: the adapter of this transaction cannot send to the outbox \"" + name.text() +
        "\"; let its session have a constructor with a const outbox_name& (store/adapter.hpp)"
    );
}

void producer::refuse_if_poisoned(const pending_messages& pending) {
    if (!pending.poisoned_by.empty())
        throw error(
            error_kind::rejected,
            "the transaction was not committed, because a message that belongs to it could not be "
            "sent: " +
                pending.poisoned_by,
            "let the exception of send() leave the function, or decide before sending"
        );
}

} // namespace outbox
