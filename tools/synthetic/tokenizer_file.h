// A tokenizer that reads and writes any text with any vocabulary: the 256 bytes, and placeholders.
#pragma once

#include <string>

#include "arch/model_config.h"
#include "base/error.h"

namespace ebb {

// tokenizer.json of a byte-level BPE without merges: every byte is a token, the model's own BOS and
// EOS are special tokens, all other ids are "<|ID|>". kInvalidArgument if the vocabulary is too
// small for the bytes.
[[nodiscard]] Result<std::string> TokenizerFile(const ModelConfig& config);

}  // namespace ebb
