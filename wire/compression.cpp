#include "wire/compression.hpp"

#include "outbox/base/error.hpp"
#include "wire/limits.hpp"
#include "wire/reader.hpp"
#include "wire/writer.hpp"

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

namespace outbox::wire {

namespace {

// Output grows by steps of this size at first, then by doubling, so that a claim costs nothing
// before it is proved.
constexpr std::size_t step_bytes = 64 * 1024;
constexpr bytes_view xerial_magic{"\x82SNAPPY\0", 8};
constexpr std::size_t xerial_header_bytes = 16;
constexpr std::size_t xerial_block_bytes = 32 * 1024;

/// Makes room for more output within the limit; false when there is none left.
bool grow(bytes& out, std::size_t used, std::size_t output_bytes_max) {
    if (used < out.size())
        return true;
    if (out.size() >= output_bytes_max)
        return false;
    out.resize(std::min(output_bytes_max, std::max(out.size() * 2, step_bytes)));
    return true;
}

std::optional<bytes> gunzip(bytes_view data, std::size_t output_bytes_max) {
    z_stream stream{};
    constexpr int gzip_or_zlib = 15 + 32;
    if (inflateInit2(&stream, gzip_or_zlib) != Z_OK)
        return std::nullopt;
    const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    bytes out;
    std::size_t used = 0;
    for (;;) {
        const bool room = grow(out, used, output_bytes_max);
        char spill = 0; // at the limit: one more byte of output is one too many
        stream.next_out = reinterpret_cast<Bytef*>(room ? out.data() + used : &spill);
        stream.avail_out = room ? static_cast<uInt>(out.size() - used) : 1;
        const uInt before = stream.avail_out;
        const int state = inflate(&stream, Z_NO_FLUSH);
        if (!room && stream.avail_out != before)
            return std::nullopt;
        if (room)
            used += before - stream.avail_out;
        if (state == Z_STREAM_END)
            break;
        if (state != Z_OK || (stream.avail_in == 0 && stream.avail_out != 0))
            return std::nullopt;
    }
    out.resize(used);
    return out;
}

bool unsnap_block(bytes_view data, bytes& out, std::size_t output_bytes_max) {
    std::size_t size = 0;
    if (snappy_uncompressed_length(data.data(), data.size(), &size) != SNAPPY_OK)
        return false;
    // A snappy element of n bytes can stand for at most 64 bytes times n/2: a larger claim is a
    // lie.
    if (size > output_bytes_max - out.size() || size / 64 > data.size())
        return false;
    const std::size_t at = out.size();
    out.resize(at + size);
    return snappy_uncompress(data.data(), data.size(), out.data() + at, &size) == SNAPPY_OK;
}

std::optional<bytes> unsnap(bytes_view data, std::size_t output_bytes_max) {
    bytes out;
    if (!data.starts_with(xerial_magic)) {
        if (!unsnap_block(data, out, output_bytes_max))
            return std::nullopt;
        return out;
    }
    reader in(data);
    in.skip(xerial_header_bytes);
    while (in.ok() && in.remaining() != 0) {
        const std::int32_t size = in.int32();
        if (size < 0)
            return std::nullopt;
        const bytes_view block = in.take(static_cast<std::size_t>(size));
        if (!in.ok() || !unsnap_block(block, out, output_bytes_max))
            return std::nullopt;
    }
    if (!in.ok())
        return std::nullopt;
    return out;
}

std::optional<bytes> unlz4(bytes_view data, std::size_t output_bytes_max) {
    LZ4F_dctx* raw = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION)))
        return std::nullopt;
    const std::unique_ptr<LZ4F_dctx, LZ4F_errorCode_t (*)(LZ4F_dctx*)> context(
        raw,
        LZ4F_freeDecompressionContext
    );
    bytes out;
    std::size_t used = 0;
    std::size_t hint = 1;
    while (hint != 0) {
        const bool room = grow(out, used, output_bytes_max);
        char spill = 0;
        std::size_t written = room ? out.size() - used : 1;
        std::size_t consumed = data.size();
        hint = LZ4F_decompress(
            context.get(),
            room ? out.data() + used : &spill,
            &written,
            data.data(),
            &consumed,
            nullptr
        );
        if (LZ4F_isError(hint) || (!room && written != 0))
            return std::nullopt;
        used += written;
        data.remove_prefix(consumed);
        if (hint != 0 && consumed == 0 && written == 0)
            return std::nullopt;
    }
    out.resize(used);
    return out;
}

std::optional<bytes> unzstd(bytes_view data, std::size_t output_bytes_max) {
    const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(
        ZSTD_createDCtx(),
        ZSTD_freeDCtx
    );
    if (!context)
        return std::nullopt;
    constexpr int window_log_max = 23; // 8 MiB: what every level that clients use needs
    ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, window_log_max);
    bytes out;
    std::size_t used = 0;
    ZSTD_inBuffer in{data.data(), data.size(), 0};
    for (;;) {
        const bool room = grow(out, used, output_bytes_max);
        char spill = 0;
        ZSTD_outBuffer target{room ? out.data() + used : &spill, room ? out.size() - used : 1, 0};
        const std::size_t before = in.pos;
        const std::size_t hint = ZSTD_decompressStream(context.get(), &target, &in);
        if (ZSTD_isError(hint) || (!room && target.pos != 0))
            return std::nullopt;
        used += target.pos;
        if (hint == 0)
            break;
        if (target.pos == 0 && in.pos == before)
            return std::nullopt;
    }
    out.resize(used);
    return out;
}

[[noreturn]] void refuse(const char* library) {
    throw error(error_kind::io, std::string("compressing a record batch failed in ") + library);
}

bytes gzip(bytes_view data) {
    z_stream stream{};
    constexpr int gzip_format = 15 + 16;
    if (deflateInit2(
            &stream,
            Z_DEFAULT_COMPRESSION,
            Z_DEFLATED,
            gzip_format,
            8,
            Z_DEFAULT_STRATEGY
        ) != Z_OK)
        refuse("zlib");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, deflateEnd);
    bytes out(deflateBound(&stream, data.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
        refuse("zlib");
    out.resize(stream.total_out);
    return out;
}

bytes snap(bytes_view data) {
    bytes out(xerial_magic);
    writer w(out);
    w.int32(1); // version
    w.int32(1); // least version that can read it
    while (!data.empty()) {
        const bytes_view block = data.substr(0, xerial_block_bytes);
        bytes packed(snappy_max_compressed_length(block.size()), '\0');
        std::size_t size = packed.size();
        if (snappy_compress(block.data(), block.size(), packed.data(), &size) != SNAPPY_OK)
            refuse("snappy");
        w.int32(static_cast<std::int32_t>(size));
        w.raw(bytes_view(packed).substr(0, size));
        data.remove_prefix(block.size());
    }
    return out;
}

bytes lz4(bytes_view data) {
    LZ4F_preferences_t preferences{};
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    bytes out(LZ4F_compressFrameBound(data.size(), &preferences), '\0');
    const std::size_t size =
        LZ4F_compressFrame(out.data(), out.size(), data.data(), data.size(), &preferences);
    if (LZ4F_isError(size))
        refuse("lz4");
    out.resize(size);
    return out;
}

bytes zstd(bytes_view data) {
    bytes out(ZSTD_compressBound(data.size()), '\0');
    const std::size_t size =
        ZSTD_compress(out.data(), out.size(), data.data(), data.size(), ZSTD_CLEVEL_DEFAULT);
    if (ZSTD_isError(size))
        refuse("zstd");
    out.resize(size);
    return out;
}

} // namespace

std::optional<bytes> decompress(codec how, bytes_view data, std::size_t output_bytes_max) {
    switch (how) {
    case codec::none:
        if (data.size() > output_bytes_max)
            return std::nullopt;
        return bytes(data);
    case codec::gzip:
        return gunzip(data, output_bytes_max);
    case codec::snappy:
        return unsnap(data, output_bytes_max);
    case codec::lz4:
        return unlz4(data, output_bytes_max);
    case codec::zstd:
        return unzstd(data, output_bytes_max);
    }
    return std::nullopt;
}

bytes compress(codec how, bytes_view data) {
    switch (how) {
    case codec::none:
        break;
    case codec::gzip:
        return gzip(data);
    case codec::snappy:
        return snap(data);
    case codec::lz4:
        return lz4(data);
    case codec::zstd:
        return zstd(data);
    }
    return bytes(data);
}

std::optional<bytes_view>
open_records(const batch_header& header, bytes_view batch, bytes& storage) {
    const bytes_view packed = batch.substr(std::min(batch.size(), batch_header_bytes));
    if (header.codec_bits() == 0)
        return packed;
    if (header.codec_bits() > static_cast<std::int16_t>(codec::zstd))
        return std::nullopt;
    auto opened =
        decompress(static_cast<codec>(header.codec_bits()), packed, decompressed_bytes_max);
    if (!opened)
        return std::nullopt;
    storage = std::move(*opened);
    return storage;
}

} // namespace outbox::wire
