// The vector decoders, for dispatch: callable only where the machine has their instructions.
#pragma once

#include "codec/chunk_decoder.h"

namespace ebb {

#if defined(__x86_64__)
#define EBB_X86_DECODERS 1
[[nodiscard]] const ChunkDecoder& Avx512ChunkDecoder();  // needs F, BW, DQ, VL, VBMI, VBMI2, BMI2
[[nodiscard]] const ChunkDecoder& Avx2ChunkDecoder();    // needs AVX2, BMI2
#endif

}  // namespace ebb
