#include "outbox/consumer/idempotency/memory_claims.hpp"

namespace outbox {

class memory_claims::session final : public claim_store {
    template <class Step>
    auto with(const claim_key& key, Step&& step) {
        const std::lock_guard lock{all_->mutex_};
        return step(all_->records_[{std::string{key.group}, bytes{key.key}}], all_->time_->now());
    }

public:
    explicit session(memory_claims& all) noexcept : all_(&all) {}

    std::optional<claim_view>
    claim(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) override {
        return with(key, [&](claim_record& r, time_point now) {
            return r.claim(token, hold, now);
        });
    }
    bool complete(const claim_key& key, bytes_view token) override {
        return with(key, [&](claim_record& r, time_point now) { return r.complete(token, now); });
    }
    bool extend(const claim_key& key, bytes_view token, std::chrono::milliseconds hold) override {
        return with(key, [&](claim_record& r, time_point now) {
            return r.extend(token, hold, now);
        });
    }
    void release(const claim_key& key, bytes_view token) override {
        with(key, [&](claim_record& r, time_point) { r.release(token); });
    }
    std::size_t forget_before(std::chrono::seconds age, std::size_t rows_max) override {
        const std::lock_guard lock{all_->mutex_};
        const time_point now = all_->time_->now();
        std::size_t gone = 0;
        for (auto at = all_->records_.begin(); at != all_->records_.end() && gone < rows_max;) {
            const bool old = at->second.is_older_than(now - age, now);
            at = old ? all_->records_.erase(at) : std::next(at);
            gone += old ? 1U : 0U;
        }
        return gone;
    }

private:
    memory_claims* all_;
};

std::unique_ptr<claim_store> memory_claims::open() {
    return std::make_unique<session>(*this);
}

} // namespace outbox
