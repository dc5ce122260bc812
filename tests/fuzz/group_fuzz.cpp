// Any bytes as the records of __consumer_offsets, as what a member tells of its subscription, and
// as a history of the coordinator. No crash, no sanitizer report; what was understood is written
// back as something that reads the same, and a decision never leaves a question unanswered.

#include "broker/group/coordinator.hpp"
#include "broker/group/subscription.hpp"
#include "wire/record_batch.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>

namespace {

using namespace outbox;
using namespace outbox::broker;

void check_records(bytes_view input) {
    std::vector<state_change> first;
    (void)decode_changes(input, first);
    // As one record, so that the checksum of a batch need not be guessed: the first byte says where
    // the key ends.
    if (input.empty())
        return;
    const bytes_view rest = input.substr(1);
    const std::size_t key_size =
        std::min<std::size_t>(static_cast<unsigned char>(input[0]), rest.size());
    const wire::record record{
        .key = rest.substr(0, key_size),
        .value = rest.substr(key_size),
        .headers = {{"outbox-topic-id", bytes_view("0123456789abcdef")}}};
    (void)decode_changes(wire::make_batch({}, {record}), first);
    std::vector<state_change> again;
    for (const bytes& batch : encode_changes(first, 0))
        if (!decode_changes(batch, again))
            std::abort();
    if (first != again)
        std::abort();
}

/// Two bytes a step: who does what.
void check_history(bytes_view input) {
    const group_options options{};
    seeded_random random{1};
    coordinator machine(options, random);
    moment now{tick_point{std::chrono::hours{1}}, 0};
    const std::optional<std::string> nobody{};
    std::vector<std::string> ids{"", "stranger"};
    std::set<call_id> open;
    call_id last = 0;
    const auto carry_out = [&](coordinator_actions& out) {
        for (const auto& [call, answer] : out.joins) {
            if (open.erase(call) != 1)
                std::abort();
            if (ids.size() < 20)
                ids.push_back(answer.member_id);
        }
        for (const auto& [call, answer] : out.syncs)
            if (open.erase(call) != 1)
                std::abort();
        for (auto& change : out.changes)
            machine.apply(std::move(change));
        out = {};
    };
    coordinator_actions out;
    for (; input.size() >= 2; input.remove_prefix(2)) {
        const auto what = static_cast<unsigned char>(input[0]);
        const auto detail = static_cast<unsigned char>(input[1]);
        const std::string& id = ids[detail % ids.size()];
        const std::string group = detail % 2 == 0 ? "a" : "b";
        switch (what % 7) {
        case 0:
            open.insert(++last);
            machine.join(
                now,
                last,
                group,
                {.member_id = id,
                 .instance_id = what > 200 ? std::optional<std::string>("static") : std::nullopt,
                 .session = std::chrono::milliseconds{what * 100},
                 .rebalance = std::chrono::milliseconds{detail * 100},
                 .protocol_type = "consumer",
                 .protocols = {{"range", bytes(input.substr(0, 8))}},
                 .takes_member_id = what > 100},
                out
            );
            break;
        case 1:
            open.insert(++last);
            machine.sync(now, last, group, {.member_id = id, .generation = what / 7}, out);
            break;
        case 2:
            (void)machine.heartbeat(now, group, {id, nobody}, what / 7);
            break;
        case 3:
            (void)machine.leave(now, group, {id, nobody}, out);
            break;
        case 4:
            if (const call_id call = last - std::min<call_id>(last, detail % 4); open.erase(call))
                for (const char* each : {"a", "b"})
                    machine.disconnected(now, each, call, out);
            break;
        case 5:
            now.ticks += std::chrono::milliseconds{detail * 500};
            now.wall_ms += detail * 500;
            machine.tick(now, out);
            break;
        default:
            (void)machine.check_commit(now, group, {id, nobody}, what / 7, {});
            for (const auto& [name, known] : machine.all())
                (void)is_subscribed(known.membership, "orders");
            break;
        }
        carry_out(out);
        if (machine.next_deadline() && *machine.next_deadline() < now.ticks - std::chrono::hours{1})
            std::abort();
    }
    // Whatever is open ends by itself.
    for (int i = 0; i < 100 && !open.empty(); ++i) {
        const auto next = machine.next_deadline();
        if (!next)
            std::abort();
        now.ticks = std::max(now.ticks, *next);
        machine.tick(now, out);
        carry_out(out);
    }
    if (!open.empty())
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const bytes_view input(reinterpret_cast<const char*>(data), size);
    check_records(input);
    check_history(input);
    return 0;
}
