// The vector decoders, for dispatch: callable only where the machine has their instructions.
#pragma once

#include "base/bytes.h"
#include "codec/chunk_decoder.h"

namespace ebb {

// `count` raw bits (at most 24) from bit position `at`; reads up to 3 bytes past the last bit.
inline uint32_t LoadRawBits(const std::byte* from, uint64_t at, int count) {
  const uint32_t window = LoadLe<uint32_t>(from + at / 8);
  return (window >> (at % 8)) & ((1u << count) - 1);
}

// Chunks of layout 2, integers cut to T's low bits; false as ChunkDecoder says.
template <typename T>
[[nodiscard]] bool DecodeSmallScalar(const ChunkView& chunk, T* out);

#if defined(__x86_64__)
#define EBB_X86_DECODERS 1
[[nodiscard]] const ChunkDecoder& Avx512ChunkDecoder();  // needs F, BW, DQ, VL, VBMI, VBMI2, BMI2
[[nodiscard]] const ChunkDecoder& Avx2ChunkDecoder();    // needs AVX2, BMI2

// The same with what Avx512ChunkDecoder needs.
[[nodiscard]] bool DecodeSmallAvx512(const ChunkView& chunk, int8_t* out);
[[nodiscard]] bool DecodeSmallAvx512(const ChunkView& chunk, int16_t* out);
[[nodiscard]] bool DecodeSmallAvx512(const ChunkView& chunk, int32_t* out);
[[nodiscard]] bool DecodeSmallAvx512ToF32(const ChunkView& chunk, float* out);
[[nodiscard]] bool DecodeSmallAvx512ToBf16(const ChunkView& chunk, uint16_t* out);
#endif

}  // namespace ebb
