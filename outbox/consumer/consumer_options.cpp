#include "outbox/consumer/consumer_options.hpp"

#include "outbox/base/error.hpp"
#include "outbox/consumer/record_marks.hpp"

#include <algorithm>

namespace outbox {

void consumer_options::check() const {
    const auto refuse = [this](const std::string& why, const std::string& hint) {
        throw error(
            error_kind::invalid_argument,
            "consumer of group " + group.text() + ": " + why,
            hint
        );
    };
    if (subjects.empty())
        refuse("no subjects", "name at least one");
    for (const auto& each : subjects) {
        if (std::count(subjects.begin(), subjects.end(), each) > 1)
            refuse("subject " + each.text() + " is named twice", "name it once");
        for (const auto& other : subjects) {
            if (parking_topic(other.text(), group) == each.text())
                refuse(
                    "subject " + each.text() + " has the name under which this group parks " +
                        other.text(),
                    "leave it to the group, which reads it itself"
                );
        }
        const auto longest = retry_order == ordered_retry::park_key
                                 ? parking_topic(each.text(), group)
                                 : dead_letter_topic(each.text(), group);
        if (!is_subject(longest))
            refuse(
                "the topic " + longest + " would have " + std::to_string(longest.size()) + " bytes",
                "at most " + std::to_string(subject_bytes_max) +
                    "; choose a shorter group or subject"
            );
    }
    retries.check();
    if (handlers < 1 || handlers > 1'000)
        refuse(std::to_string(handlers) + " handlers", "1 to 1000");
    if (prefetch_count_max < 2 || span_max < 2 || prefetch_bytes_max < 2)
        refuse("a limit of less than 2 cannot be kept", "leave the defaults");
    for (const auto duration :
         {commit_interval,
          revoke_patience,
          stop_patience,
          start_patience.value_or(stop_patience),
          gate_shortest}) {
        if (duration < duration.zero())
            refuse("a negative duration", "zero or more milliseconds");
    }
    if (retry_order == ordered_retry::park_key &&
        (order != consume_order::by_key || audience != consume_audience::group ||
         promise != consume_promise::at_least_once))
        refuse(
            "keys are parked only by a group that is ordered by key and hands out at least once",
            "leave retry_order at in_place"
        );
    if (parked_count_max < 1 || parked_bytes_max < 1)
        refuse("a limit of less than 1 cannot be kept", "leave the defaults");
    if (promise == consume_promise::at_most_once && audience == consume_audience::everyone)
        refuse(
            "at_most_once without a group",
            "it commits before it hands out, and a broadcast commits nothing"
        );
    if (audience == consume_audience::everyone && start.where() == start_point::kind::stored)
        refuse("start_point::stored() without a group", "a broadcast stores nothing");
}

} // namespace outbox
