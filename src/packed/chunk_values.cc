#include "packed/chunk_values.h"

#include <cstring>

#include "base/bytes.h"
#include "codec/weights_codec.h"
#include "container/reader.h"

namespace ebb {
namespace {

static_assert(kReadSlackBytes >= kChunkSlackBytes);

tl::unexpected<Error> WrongSize() {
  return MakeError(ErrorCode::kCorrupt, "chunk",
                   "holds another number of weights than its index says");
}

Result<ChunkView> ParseSized(std::span<const std::byte> chunk, uint64_t elements) {
  EBB_TRY_ASSIGN(ChunkView view, ParseChunk(chunk));
  if (view.header.elements != elements) return WrongSize();
  return view;
}

}  // namespace

bool IsKnownCodec(std::string_view codec) {
  return codec == kCodecEbbFast || codec == kCodecEbbSmall || codec == kCodecRaw;
}

Status DecodeChunkToF32(std::string_view codec, DType dtype, std::span<const std::byte> chunk,
                        uint64_t elements, float* out) {
  if (codec != kCodecRaw) {
    EBB_TRY_ASSIGN(const ChunkView view, ParseSized(chunk, elements));
    if (view.header.map == ValueMap::kCodes) return DecodeFloats(view, out);
  }
  // Words are decoded into the end of their own float32s' place, and widened from there.
  auto* const words = reinterpret_cast<std::byte*>(out) + elements * (4 - DTypeBytes(dtype));
  EBB_TRY(DecodeChunkToWords(codec, dtype, chunk, elements, words));
  if (dtype != DType::kF32) WidenToF32(dtype, words, elements, out);
  return {};
}

Status DecodeChunkToWords(std::string_view codec, DType dtype, std::span<const std::byte> chunk,
                          uint64_t elements, std::byte* out) {
  if (codec == kCodecRaw) {
    if (chunk.size() != elements * DTypeBytes(dtype)) return WrongSize();
    std::memcpy(out, chunk.data(), chunk.size());
    return {};
  }
  EBB_TRY_ASSIGN(const ChunkView view, ParseSized(chunk, elements));
  // Decoders write whole numbers in place: `out` is aligned to its words.
  if (dtype == DType::kF32) return DecodeWords(view, reinterpret_cast<uint32_t*>(out));
  return DecodeWords(view, reinterpret_cast<uint16_t*>(out));
}

}  // namespace ebb
