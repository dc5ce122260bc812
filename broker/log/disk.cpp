#include "broker/log/disk.hpp"

#include <cerrno>

namespace outbox::broker {

void write_all(
    disk_file& file,
    std::uint64_t position,
    std::span<const bytes_view> parts,
    std::error_code& ec
) {
    std::vector<bytes_view> rest(parts.begin(), parts.end());
    std::size_t first = 0;
    ec.clear();
    while (true) {
        while (first < rest.size() && rest[first].empty())
            ++first;
        if (first == rest.size())
            return;
        std::size_t written = file.write_at(position, std::span(rest).subspan(first), ec);
        if (ec)
            return;
        if (written == 0) {
            ec = std::make_error_code(std::errc::no_space_on_device);
            return;
        }
        position += written;
        while (written > 0) {
            const std::size_t taken = std::min(written, rest[first].size());
            rest[first].remove_prefix(taken);
            written -= taken;
            if (rest[first].empty())
                ++first;
        }
    }
}

bytes read_all(disk_file& file, std::error_code& ec) {
    const std::uint64_t size = file.size(ec);
    bytes out;
    if (ec)
        return out;
    out.resize(size);
    out.resize(file.read_at(0, out.data(), out.size(), ec));
    return out;
}

} // namespace outbox::broker
