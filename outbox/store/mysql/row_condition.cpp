#include "outbox/store/mysql/row_condition.hpp"

namespace outbox::mysql {

std::string is_in(std::span<const number_range> ranges) {
    std::string single;
    std::string wide;
    for (const number_range& range : ranges) {
        if (range.first == range.last)
            single += (single.empty() ? "" : ",") + std::to_string(range.first);
        else
            wide += (wide.empty() ? "" : " or ") + ("seq between " + std::to_string(range.first)) +
                    " and " + std::to_string(range.last);
    }
    if (!single.empty())
        single = "seq in (" + single + ")";
    return "(" + single + (single.empty() || wide.empty() ? "" : " or ") + wide + ")";
}

} // namespace outbox::mysql
