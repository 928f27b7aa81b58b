#include "packed/chunk_values.h"

#include <cmath>
#include <cstring>

#include "base/bytes.h"
#include "codec/weights_codec.h"
#include "container/reader.h"
#include "peers/codecs.h"

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

bool IsOwnCodec(std::string_view codec) {
  return codec == kCodecEbbFast || codec == kCodecEbbSmall || codec == kCodecRaw;
}

Status DecodePeerChunk(std::string_view name, std::span<const std::byte> chunk, uint64_t elements,
                       float* out) {
  EBB_TRY_ASSIGN(const Codec* codec, FindCodec(name));
  if (chunk.size() < sizeof(PeerChunkHeader)) {
    return MakeError(ErrorCode::kCorrupt, "chunk", "is shorter than its header");
  }
  const auto header = LoadLe<PeerChunkHeader>(chunk.data());
  if (!(header.bound >= 0) || !std::isfinite(header.bound) || header.cols == 0 ||
      elements % header.cols != 0) {
    return MakeError(ErrorCode::kCorrupt, "chunk", "has an impossible bound or length of rows");
  }
  return codec->Decode(chunk.subspan(sizeof(header)), elements / header.cols, header.cols,
                       header.bound, out);
}

}  // namespace

Status CheckCodec(std::string_view codec) {
  if (IsOwnCodec(codec)) return {};
  const Result<const Codec*> found = FindCodec(codec);
  if (found && (*found)->info().kind != CodecKind::kNoise) return {};
  if (!found && found.error().code == ErrorCode::kUnsupported) {
    return tl::unexpected(found.error());
  }
  return MakeError(ErrorCode::kUnsupported, "", "the codec {} is unknown", codec);
}

Status DecodeChunkToF32(std::string_view codec, DType dtype, std::span<const std::byte> chunk,
                        uint64_t elements, float* out) {
  if (!IsOwnCodec(codec)) return DecodePeerChunk(codec, chunk, elements, out);
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
  if (!IsOwnCodec(codec)) {
    return MakeError(ErrorCode::kCorrupt, "chunk", "is not lossless, as its index says");
  }
  EBB_TRY_ASSIGN(const ChunkView view, ParseSized(chunk, elements));
  // Decoders write whole numbers in place: `out` is aligned to its words.
  if (dtype == DType::kF32) return DecodeWords(view, reinterpret_cast<uint32_t*>(out));
  return DecodeWords(view, reinterpret_cast<uint16_t*>(out));
}

}  // namespace ebb
