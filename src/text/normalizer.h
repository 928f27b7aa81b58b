// Normalizers: rewrite the text before it is cut into words.
//
// The components of tokenizer.json's "normalizer". Immutable and thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/json.h"

namespace ebb {

// A stretch of the user's text on its way through the normalizers. The first `start_bytes` bytes
// come from the very first character of what the user gave; 0 when that character is elsewhere or
// gone. Metaspace's prepend_scheme "first" asks for it.
struct NormalizedText {
  std::string text;  // valid UTF-8
  size_t start_bytes = 0;
};

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  [[nodiscard]] virtual Status Apply(NormalizedText* text) const = 0;
  virtual uint64_t memory_bytes() const { return 0; }
};

// Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend and Replace; anything
// else is kUnsupported.
[[nodiscard]] Result<std::unique_ptr<Normalizer>> MakeNormalizer(const Json& json,
                                                                 const std::string& where);

}  // namespace ebb
