#pragma once
// Which messages of its subjects a consumer wants. What it does not want counts as finished: it is
// passed over and its offset is committed.

#include "outbox/base/error.hpp"
#include "outbox/message/names.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace outbox {

class tag_filter {
public:
    /// Everything.
    tag_filter() = default;
    /// At least one of these. Throws usage_error when there is none.
    static tag_filter any_of(std::vector<tag> tags) { return {std::move(tags), false}; }
    /// All of these, and perhaps others. Throws usage_error when there is none.
    static tag_filter all_of(std::vector<tag> tags) { return {std::move(tags), true}; }

    bool wants(const std::vector<std::string>& of_message) const {
        if (tags_.empty())
            return true;
        const auto has = [&](const tag& wanted) {
            return std::find(of_message.begin(), of_message.end(), wanted.text()) !=
                   of_message.end();
        };
        return all_ ? std::all_of(tags_.begin(), tags_.end(), has)
                    : std::any_of(tags_.begin(), tags_.end(), has);
    }

private:
    tag_filter(std::vector<tag> tags, bool all) : tags_(std::move(tags)), all_(all) {
        if (tags_.empty())
            throw usage_error("a tag filter without a tag; leave the filter out to want everything"
            );
    }

    std::vector<tag> tags_;
    bool all_ = false;
};

} // namespace outbox
