// An .ebb file becomes a Hugging Face checkpoint again.
#pragma once

#include <string>

#include "base/progress.h"
#include "packed/packed_source.h"

namespace ebb {

struct DecompressOptions {
  // Of error-bounded tensors: kF32 keeps the bound, kBf16 rounds once more. Lossless tensors keep
  // their own dtype.
  DType bounded_dtype = DType::kF32;
  ProgressSink progress;  // in weights
};

struct DecompressReport {
  uint64_t tensors = 0;
  uint64_t bytes = 0;  // of all weights
};

// Writes config.json (its dtype set to what bounded tensors became, so that loading rounds
// nothing), the tokenizer's files, and the weights as safetensors. The folder is made if it does
// not exist and must not hold a checkpoint already. Streams: holds some megabytes.
[[nodiscard]] Result<DecompressReport> Decompress(const PackedSource& packed,
                                                  const std::string& folder,
                                                  const DecompressOptions& options);

}  // namespace ebb
