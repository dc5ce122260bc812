// A member of a group in a process of its own, to be frozen and killed.
//
//   consumer_child BROKERS GROUP SUBJECT FIFO
//
// Each message is in hand until something can be read from FIFO.

#include "outbox/base/log.hpp"
#include "outbox/consumer/kafka/kafka_consumer.hpp"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>

namespace {

outbox::kafka_consumer* running = nullptr;

void say(const std::string& what) {
    std::printf("%s\n", what.c_str());
    std::fflush(stdout);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 5)
        return 2;
    outbox::set_log_sink(outbox::stderr_log_sink(outbox::log_level::info));
    outbox::kafka_consumer consumer{
        {.brokers = argv[1], .session = std::chrono::seconds{6}},
        {.group = outbox::group_name::parse(argv[2]),
         .subjects = {outbox::subject::parse(argv[3])},
         .on_revoked = [](const outbox::consumed_partition& which, bool lost) {
             say(which.topic + "/" + std::to_string(which.partition) + " is gone" +
                 (lost ? ", lost" : ""));
         }}};
    running = &consumer;
    std::signal(SIGTERM, [](int) { running->request_stop(); });
    consumer.run([&](const outbox::delivery& d) {
        const std::string payload{d.payload};
        say("in hand " + payload);
        std::ifstream gate{argv[4]};
        std::string word;
        gate >> word;
        say("handled " + payload);
        return outbox::outcome::ack();
    });
    const auto counts = consumer.stats().counts;
    say("fenced " + std::to_string(counts.fenced_messages + counts.late_results));
    return 0;
}
