// The entropy decoder of a chunk: bytes to integers, in several instruction sets with the same
// bits.
//
// Every decoder takes a parsed chunk followed by kChunkSlackBytes readable bytes, writes exactly
// header.elements integers, and returns false if the streams do not end as they must (the output
// then holds garbage, but nothing outside it was written and nothing outside the chunk and its
// slack read). Exceptions are not applied here: their elements are decoded like all others.
// Thread-safe.
#pragma once

#include <cstdint>
#include <span>

#include "codec/chunk.h"

namespace ebb {

// Gets the units of a chunk as they are decoded, a few at a time, in coded order.
class UnitVisitor {
 public:
  virtual ~UnitVisitor() = default;
  // The integers of the units positions[0], positions[1], ... of the chunk, one unit after the
  // other, during the call only.
  virtual void Visit(std::span<const uint32_t> positions, const int8_t* integers) = 0;
};

inline constexpr size_t kMaxUnitsAtOnce = 4;

struct ChunkDecoder {
  const char* name;
  // Integers as bytes, 16 or 32 bits. What does not fit is cut to its low bits: callers choose by
  // header.code_bytes (codes) or map (words).
  bool (*to_int8)(const ChunkView& chunk, int8_t* out);
  bool (*to_int16)(const ChunkView& chunk, int16_t* out);
  bool (*to_int32)(const ChunkView& chunk, int32_t* out);
  // float32(code) x step, for chunks of one step. May be null: convert instead.
  bool (*to_f32)(const ChunkView& chunk, float* out);
  // bf16(float32(code) x step), for chunks of one step. May be null: convert
  // instead.
  bool (*to_bf16)(const ChunkView& chunk, uint16_t* out);
  // to_int8 without an array for the whole: `tile` has room for kMaxUnitsAtOnce units. For chunks
  // of layout 1 without a partial unit. What a visitor saw counts only if this returns true. May be
  // null.
  bool (*units_to_int8)(const ChunkView& chunk, int8_t* tile, UnitVisitor& visitor);
};

// The scalar reference: every other decoder gives its bits.
[[nodiscard]] const ChunkDecoder& ScalarChunkDecoder();

// All decoders that this machine can run, the fastest first, the scalar one last.
[[nodiscard]] std::span<const ChunkDecoder* const> AvailableChunkDecoders();

// The fastest of them, or the one that the environment variable EBB_CPU names (scalar, avx2,
// avx512).
[[nodiscard]] const ChunkDecoder& BestChunkDecoder();

}  // namespace ebb
