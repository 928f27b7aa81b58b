#include "codec/chunk_decoder.h"

#include <cstdlib>
#include <string_view>
#include <vector>

#include "codec/decoders.h"

namespace ebb {
namespace {

std::vector<const ChunkDecoder*> FindDecoders() {
  std::vector<const ChunkDecoder*> decoders;
#ifdef EBB_X86_DECODERS
  const bool bmi2 = __builtin_cpu_supports("bmi2");
  if (bmi2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2")) {
    decoders.push_back(&Avx512ChunkDecoder());
  }
  if (bmi2 && __builtin_cpu_supports("avx2")) decoders.push_back(&Avx2ChunkDecoder());
#endif
  decoders.push_back(&ScalarChunkDecoder());
  return decoders;
}

}  // namespace

std::span<const ChunkDecoder* const> AvailableChunkDecoders() {
  static const std::vector<const ChunkDecoder*> kDecoders = FindDecoders();
  return kDecoders;
}

const ChunkDecoder& BestChunkDecoder() {
  static const ChunkDecoder* const kBest = [] {
    const char* wanted = std::getenv("EBB_CPU");
    for (const ChunkDecoder* decoder : AvailableChunkDecoders()) {
      if (wanted != nullptr && std::string_view(wanted) == decoder->name) return decoder;
    }
    return AvailableChunkDecoders().front();
  }();
  return *kBest;
}

}  // namespace ebb
