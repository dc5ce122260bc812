#include "watchdog/supervisor.hpp"

#include "outbox/store/any/open_database.hpp"
#include "outbox/target/kafka/kafka_target.hpp"
#include "watchdog/turn_taking_target.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace outbox::watchdog {
namespace {

std::unique_ptr<target> make_target(const target_config& configured, const std::string& client) {
    return std::make_unique<kafka_target>(kafka_options{
        .brokers = configured.brokers,
        .client_id = "outbox-" + client,
        .properties = configured.properties,
    });
}

} // namespace

supervisor::supervisor(const config& configured) {
    entries_.reserve(configured.databases.size());
    std::map<std::string, std::shared_ptr<turn_desk>> desks;
    for (const target_config& t : configured.targets)
        if (t.waves_at_once > 0)
            desks[t.name] = std::make_shared<turn_desk>(turn_rules{.at_once = t.waves_at_once});
    for (const database_config& d : configured.databases) {
        const auto to =
            std::find_if(configured.targets.begin(), configured.targets.end(), [&](const auto& t) {
                return t.name == d.target;
            });
        entry& made = entries_.emplace_back();
        made.name = d.name;
        made.source = open_database(d.url, d.outbox);
        if (d.receipts)
            made.receipts = std::make_unique<receipt_sender>(*d.receipts);
        std::unique_ptr<target> target = make_target(*to, d.name);
        if (const auto desk = desks.find(to->name); desk != desks.end())
            target =
                std::make_unique<turn_taking_target>(std::move(target), desk->second, d.priority);
        made.worker = std::make_unique<relay>(
            *made.source,
            std::move(target),
            relay_options{
                .shard = 0,
                .owner = configured.name,
                .doorbell = d.doorbell,
                .timing = d.timing,
                .slice = d.slice,
                .numbers = d.numbered ? numbering::on : numbering::off,
                .forget_applied_after = d.applied ? d.applied->keep() : std::chrono::seconds{0},
                .observer = made.receipts.get(),
            }
        );
    }
}

supervisor::~supervisor() {
    stop();
}

void supervisor::start() {
    for (entry& e : entries_)
        e.thread = std::thread{[worker = e.worker.get()] { worker->run(); }};
}

void supervisor::stop() {
    for (entry& e : entries_)
        e.worker->request_stop();
    for (entry& e : entries_) {
        if (e.thread.joinable())
            e.thread.join();
    }
}

} // namespace outbox::watchdog
