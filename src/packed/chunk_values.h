// The payload of a container's chunk as weights, whatever codec made it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "arch/dtype.h"
#include "base/error.h"

namespace ebb {

// The names that an .ebb file gives its codecs (docs/format.md, 1.4).
inline constexpr std::string_view kCodecEbbFast = "ebb:fast";
inline constexpr std::string_view kCodecEbbSmall = "ebb:small";
inline constexpr std::string_view kCodecRaw = "raw";

// Whether chunks of that codec can be decoded here. kUnsupported if it is unknown, or a peer
// (peers/codecs.h) that is not available: then with what to install.
[[nodiscard]] Status CheckCodec(std::string_view codec);

// A chunk of a peer codec (docs/format.md, 1.4): this header, then the codec's own stream.
struct PeerChunkHeader {
  float bound = 0;    // absolute
  uint32_t cols = 0;  // of its rows
};
static_assert(sizeof(PeerChunkHeader) == 8);

// Decodes a chunk of `elements` weights whose source dtype is `dtype`. kReadSlackBytes readable
// bytes follow `chunk`. Lossless chunks are widened exactly; NaN and infinities keep their bits.
[[nodiscard]] Status DecodeChunkToF32(std::string_view codec, DType dtype,
                                      std::span<const std::byte> chunk, uint64_t elements,
                                      float* out);

// Decodes a lossless chunk to its words: `elements` x DTypeBytes(dtype) bytes. kCorrupt if it is
// not lossless (as chunks of peers never are).
[[nodiscard]] Status DecodeChunkToWords(std::string_view codec, DType dtype,
                                        std::span<const std::byte> chunk, uint64_t elements,
                                        std::byte* out);

}  // namespace ebb
