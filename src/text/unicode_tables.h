// Unicode data as the parts of Hugging Face `tokenizers` see it (unicode_tables.cc is generated).
//
// Ranges are sorted, disjoint and inclusive.
#pragma once

#include <cstdint>
#include <span>

namespace ebb {

struct CodePointRange {
  char32_t first;
  char32_t last;
};

// code point -> code point + delta
struct LowercaseRange {
  char32_t first;
  char32_t last;
  int32_t delta;
};

// A range that belongs to a general category ("Lo") or script ("Han") for Oniguruma (Unicode 16)
// but not yet for PCRE2 10.42 (Unicode 14). Rows of one property stand together, sorted.
struct PropertyRange {
  const char* property;
  char32_t first;
  char32_t last;
};

std::span<const CodePointRange> NumericRanges();             // Rust's char::is_numeric
std::span<const CodePointRange> PunctuationRanges();         // the Punctuation pre-tokenizer's
std::span<const CodePointRange> MarkRanges();                // what StripAccents removes
std::span<const CodePointRange> NormalizationInertRanges();  // too new for its normalisation
std::span<const LowercaseRange> LowercaseDifferences();      // against utf8proc_tolower
std::span<const PropertyRange> PropertyAdditions();

}  // namespace ebb
