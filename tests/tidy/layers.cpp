#include "tests/tidy/layers.hpp"

#include <algorithm>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace outbox::tidy {
namespace {

constexpr const char* everything = "*";

std::optional<std::string> floor_of(const layers& allowed, std::string path) {
    while (true) {
        const auto slash = path.rfind('/');
        if (slash == path.npos)
            return std::nullopt;
        path.resize(slash);
        if (allowed.contains(path))
            return path;
    }
}

struct include_line {
    std::size_t number;
    std::string path;
};

// The includes of ours: all in quotes, and those in angle brackets that name a floor.
std::vector<include_line> includes_of(const layers& allowed, const std::string& text) {
    std::vector<include_line> result;
    std::istringstream lines{text};
    std::size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        std::istringstream words{line};
        std::string directive;
        words >> directive;
        if (directive == "#")
            words >> directive, directive.insert(0, 1, '#');
        if (directive != "#include")
            continue;
        const auto open = line.find_first_of("\"<");
        const auto close = line.find_first_of("\">", open + 1);
        if (open == line.npos || close == line.npos)
            continue;
        auto path = line.substr(open + 1, close - open - 1);
        if (line[open] == '"' || floor_of(allowed, path))
            result.push_back({.number = number, .path = std::move(path)});
    }
    return result;
}

// One way around, "a → b → a"; empty when there is none.
class circle_search {
public:
    explicit circle_search(const layers& edges) : edges_(edges) {}

    std::string run() {
        for (const auto& [floor, uses] : edges_)
            if (auto found = visit(floor); !found.empty())
                return found;
        return {};
    }

private:
    std::string visit(const std::string& floor) {
        if (done_.contains(floor))
            return {};
        const auto seen = std::ranges::find(path_, floor);
        if (seen != path_.end()) {
            std::string text;
            for (auto at = seen; at != path_.end(); ++at)
                text += *at + " → ";
            return text + floor;
        }
        path_.push_back(floor);
        if (const auto uses = edges_.find(floor); uses != edges_.end())
            for (const auto& used : uses->second)
                if (auto found = visit(used); !found.empty())
                    return found;
        path_.pop_back();
        done_.insert(floor);
        return {};
    }

    const layers& edges_;
    std::vector<std::string> path_;
    std::set<std::string> done_;
};

} // namespace

layers parse_layers(std::string_view text) {
    layers result;
    std::istringstream lines{std::string{text}};
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line.starts_with('#'))
            continue;
        const auto colon = line.find(':');
        if (colon == line.npos || colon == 0)
            throw std::runtime_error{"layers.txt: no floor and colon in: " + line};
        auto& uses = result[line.substr(0, colon)];
        std::istringstream words{line.substr(colon + 1)};
        for (std::string word; words >> word;)
            uses.insert(word);
    }
    for (const auto& [floor, uses] : result)
        for (const auto& used : uses)
            if (used != everything && !result.contains(used))
                throw std::runtime_error{
                    "layers.txt: " + floor + " uses " + used + ", which has no line"};
    return result;
}

std::vector<std::string> check_layers(const layers& allowed, const source_tree& sources) {
    std::vector<std::string> wrong;
    layers found;
    for (const auto& [path, text] : sources) {
        const auto from = floor_of(allowed, path);
        if (!from) {
            wrong.push_back(path + " belongs to no floor of layers.txt");
            continue;
        }
        if (allowed.at(*from).contains(everything))
            continue;
        for (const auto& [number, include] : includes_of(allowed, text)) {
            const auto where = path + ":" + std::to_string(number) + ": ";
            const auto to = floor_of(allowed, include);
            if (!to) {
                // A generated header has no folder; one that stands beside the file was meant
                // relative to it.
                const auto beside = path.substr(0, path.rfind('/') + 1) + include;
                if (include.find('/') != include.npos || sources.contains(beside))
                    wrong.push_back(where + "\"" + include + "\" is not written from the root");
                continue;
            }
            if (*to == *from)
                continue;
            found[*from].insert(*to);
            if (!allowed.at(*from).contains(*to))
                wrong.push_back(where + *from + " may not use " + *to + " (" + include + ")");
        }
    }
    if (const auto circle = circle_search{allowed}.run(); !circle.empty())
        wrong.push_back("layers.txt declares a circle: " + circle);
    if (const auto circle = circle_search{found}.run(); !circle.empty())
        wrong.push_back("the includes make a circle: " + circle);
    return wrong;
}

} // namespace outbox::tidy
