#include "tests/tidy/time_seams.hpp"

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <utility>

namespace outbox::tidy {
namespace {

bool is_product(const std::string& path) {
    for (const auto* folder : {"outbox/", "wire/", "broker/", "watchdog/", "tools/"})
        if (path.starts_with(folder))
            return true;
    return false;
}

using rule_and_file = std::pair<std::string, std::string>;

std::set<rule_and_file> parse_allowed(std::string_view text) {
    std::set<rule_and_file> result;
    std::istringstream lines{std::string{text}};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        rule_and_file entry;
        if (!line.starts_with('#') && words >> entry.first >> entry.second)
            result.insert(entry);
    }
    return result;
}

} // namespace

std::vector<std::string> check_time_seams(std::string_view allowed, const source_tree& sources) {
    static const std::map<std::string, std::regex> rules{
        {"sleep",
         std::regex{R"(\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(|(^|[^\w])::sleep\s*\()"}},
        {"clock",
         std::regex{
             R"(\b(system|steady|high_resolution)_clock::now\b|\b(clock_gettime|gettimeofday|time)\s*\(\s*(nullptr|NULL|0|CLOCK))"}},
    };
    std::vector<std::string> wrong;
    auto unneeded = parse_allowed(allowed);
    const auto exceptions = unneeded;
    for (const auto& [path, text] : sources) {
        if (!is_product(path))
            continue;
        std::istringstream lines{text};
        std::size_t number = 0;
        for (std::string line; std::getline(lines, line);) {
            ++number;
            const auto code = line.substr(0, line.find("//"));
            for (const auto& [name, pattern] : rules) {
                if (!std::regex_search(code, pattern))
                    continue;
                if (exceptions.contains({name, path}))
                    unneeded.erase({name, path});
                else
                    wrong.push_back(path + ":" + std::to_string(number) + ": " + name);
            }
        }
    }
    for (const auto& [name, path] : unneeded)
        wrong.push_back("allowed.txt: '" + name + " " + path + "' is not needed");
    return wrong;
}

} // namespace outbox::tidy
