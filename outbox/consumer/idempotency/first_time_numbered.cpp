#include "outbox/consumer/idempotency/first_time_numbered.hpp"

#include "outbox/base/error.hpp"
#include "outbox/base/hex.hpp"
#include "outbox/consumer/idempotency/number_set.hpp"

#include <map>
#include <string>
#include <utility>

namespace outbox::detail {
namespace {

number_set locked_set(consumed_keys& tx, applied_question row) {
    row.what = applied_question::lock;
    std::vector<std::string> found = tx.ask_applied(row);
    if (found.empty()) {
        row.what = applied_question::create;
        tx.ask_applied(row);
        row.what = applied_question::lock;
        found = tx.ask_applied(row);
    }
    const auto data = found.size() == 1 ? from_hex(found.front()) : std::nullopt;
    if (!data)
        throw error(
            error_kind::conflict,
            "the row of the applied numbers of source " + std::string{row.source} +
                " could not be locked",
            "let the message come again"
        );
    return number_set::decode(*data);
}

void write_set(consumed_keys& tx, applied_question row, const number_set& set) {
    row.what = applied_question::write;
    row.numbers = set.encode();
    if (tx.ask_applied(row) != std::vector<std::string>{"1"})
        throw error(
            error_kind::conflict,
            "the row of the applied numbers of source " + std::string{row.source} +
                " was removed while it was locked",
            "let the message come again"
        );
}

} // namespace

// Rows are locked in one order by everybody, so that two who need the same ones wait for each
// other.
std::vector<bool>
note_numbers(consumed_keys& tx, const group_name& group, std::span<const delivery_number> numbers) {
    std::map<std::pair<std::string, int>, std::vector<std::size_t>> by_source;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (numbers[i].number < 1)
            throw usage_error("outbox: the number of a message is at least 1");
        by_source[{numbers[i].source, numbers[i].shard}].push_back(i);
    }
    std::vector<bool> first(numbers.size(), false);
    for (const auto& [source, indices] : by_source) {
        const applied_question row{
            .group = group.text(),
            .source = source.first,
            .shard = source.second};
        number_set set = locked_set(tx, row);
        bool changed = false;
        for (const std::size_t i : indices) {
            const auto result = set.insert(numbers[i].number);
            if (result == number_set::inserted::full)
                throw error(
                    error_kind::conflict,
                    "whether message " + std::to_string(numbers[i].number) + " of source " +
                        source.first +
                        " was applied cannot be noted: " + std::to_string(set.range_count()) +
                        " stretches of numbers below it are missing",
                    "let it come again later; a group that does not read all subjects of this "
                    "outbox wants first_time()"
                );
            first[i] = result == number_set::inserted::yes;
            changed = changed || first[i];
        }
        if (changed)
            write_set(tx, row, set);
    }
    return first;
}

} // namespace outbox::detail
