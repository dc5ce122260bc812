#include "outbox/relay/receipt_sender.hpp"

#include "outbox/base/datagram.hpp"

#include <exception>
#include <map>
#include <vector>

namespace outbox {

void receipt_sender::observe(std::span<const observed_outcome> outcomes) noexcept {
    try {
        std::map<receipt_request, std::vector<receipt_note>> by_producer;
        for (const observed_outcome& outcome : outcomes)
            by_producer[*outcome.to].push_back(outcome.note);
        for (const auto& [producer, notes] : by_producer) {
            if (reach_ == receipt_reach::loopback && !is_loopback(producer.address))
                continue;
            for (const bytes& datagram : encode_receipts(producer.token, notes))
                send_datagram(producer.address, datagram);
        }
    } catch (const std::exception&) { // a receipt promises nothing, so it reports nothing
    }
}

} // namespace outbox
