#include "bench/machine.hpp"

#include "outbox/base/clock.hpp"
#include "outbox/base/error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace outbox::bench {

namespace {

struct process {
    long parent = 0;
    std::uint64_t ticks = 0;
};

// Fields 4 and 14 to 17 of /proc/PID/stat, counted behind the name, which is in parentheses and may
// hold anything.
bool read_process(long pid, process& into) {
    std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
    std::string line;
    if (!std::getline(file, line))
        return false;
    std::istringstream rest{line.substr(line.rfind(')') + 1)};
    std::string field;
    for (int number = 3; rest >> field && number <= 17; ++number) {
        if (number == 4)
            into.parent = std::atol(field.c_str());
        else if (number >= 14)
            into.ticks += static_cast<std::uint64_t>(std::atoll(field.c_str()));
    }
    return true;
}

} // namespace

machine::machine() : file_(::open((dir_ / "sync").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) {
    if (!file_)
        throw error{error_kind::io, "cannot make a file to measure the disk with"};
}

void machine::begin() {
    syncs_per_s_ = measure_syncs(150);
    begin_ = count();
}

conditions machine::end() {
    const auto now = count();
    const auto all = static_cast<double>(std::max<std::uint64_t>(1, now.all - begin_.all));
    const auto busy = static_cast<double>(
        now.all - begin_.all - (now.idle - begin_.idle) - (now.steal - begin_.steal)
    );
    const auto ours = static_cast<double>(now.ours - begin_.ours);
    return {
        .other_cpu = std::max(0.0, busy - ours) / all,
        .steal = static_cast<double>(now.steal - begin_.steal) / all,
        .syncs_per_s = syncs_per_s_,
    };
}

double machine::measure_syncs(int milliseconds) {
    const std::array<char, 4096> block{};
    if (::ftruncate(file_.get(), 0) != 0 || ::lseek(file_.get(), 0, SEEK_SET) != 0)
        throw error{error_kind::io, "cannot measure the disk"};
    const auto& time = system_clock();
    const auto begin = time.ticks();
    const auto end = begin + std::chrono::milliseconds{milliseconds};
    int count = 0;
    while (time.ticks() < end) {
        if (::write(file_.get(), block.data(), block.size()) < 0 || ::fdatasync(file_.get()) != 0)
            throw error{error_kind::io, "cannot measure the disk"};
        ++count;
    }
    return count / std::chrono::duration<double>(time.ticks() - begin).count();
}

machine::ticks machine::count() {
    ticks counted;
    std::ifstream stat{"/proc/stat"};
    std::string name;
    stat >> name;
    for (int column = 0; column < 8; ++column) { // user nice system idle iowait irq softirq steal
        std::uint64_t value = 0;
        stat >> value;
        counted.all += value;
        if (column == 3 || column == 4)
            counted.idle += value;
        else if (column == 7)
            counted.steal = value;
    }
    std::map<long, process> processes;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
        const auto text = entry.path().filename().string();
        long pid = 0;
        if (std::from_chars(text.data(), text.data() + text.size(), pid).ptr !=
            text.data() + text.size())
            continue;
        process found;
        if (read_process(pid, found))
            processes.emplace(pid, found);
    }
    const long self = ::getpid();
    for (const auto& [pid, found] : processes) {
        long ancestor = pid;
        for (int depth = 0; ancestor != self && ancestor > 1 && depth < 100; ++depth) {
            const auto parent = processes.find(ancestor);
            ancestor = parent == processes.end() ? 0 : parent->second.parent;
        }
        if (ancestor == self)
            counted.ours += found.ticks;
    }
    return counted;
}

} // namespace outbox::bench
