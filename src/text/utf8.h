// UTF-8: reading valid text by code points, and making text valid.
//
// Everything below the tokenizers' entry points works on valid UTF-8 only; ReplaceInvalidUtf8 is
// the one gate through which foreign bytes pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ebb {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;
inline constexpr std::string_view kReplacementUtf8 = "\xEF\xBF\xBD";

// What stands at one place of a byte string that may not be UTF-8. A `kBroken` unit is a "maximal
// subpart" (Unicode 15, section 3.9): the longest prefix of a valid sequence, or one byte; it is
// what Python's errors="replace" and Rust's from_utf8_lossy replace by one U+FFFD. `kIncomplete`
// is the same at the end of the bytes, where more bytes could still make it valid.
enum class Utf8Kind { kValid, kBroken, kIncomplete };
struct Utf8Unit {
  Utf8Kind kind = Utf8Kind::kValid;
  uint32_t size_bytes = 0;
  char32_t code_point = 0;  // of a kValid unit
};

// The unit that starts at bytes[at]; `at` must be inside.
[[nodiscard]] Utf8Unit ReadUtf8(std::string_view bytes, size_t at);

// Likewise for text known to be valid, without its checks.
[[nodiscard]] inline Utf8Unit ReadValidUtf8(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<uint8_t>(text[i])); };
  const char32_t first = byte(at);
  if (first < 0x80) return {Utf8Kind::kValid, 1, first};
  if (first < 0xE0) {
    return {Utf8Kind::kValid, 2, (first & 0x1F) << 6 | (byte(at + 1) & 0x3F)};
  }
  if (first < 0xF0) {
    return {Utf8Kind::kValid, 3,
            (first & 0x0F) << 12 | (byte(at + 1) & 0x3F) << 6 | (byte(at + 2) & 0x3F)};
  }
  return {Utf8Kind::kValid, 4,
          (first & 0x07) << 18 | (byte(at + 1) & 0x3F) << 12 | (byte(at + 2) & 0x3F) << 6 |
              (byte(at + 3) & 0x3F)};
}

// The code point that ends just before text[end] of valid text; `end` must not be 0.
[[nodiscard]] inline Utf8Unit ReadValidUtf8Before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while ((static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
  return ReadValidUtf8(text, at);
}

void AppendUtf8(char32_t code_point, std::string* to);

[[nodiscard]] bool IsValidUtf8(std::string_view bytes);

// The bytes with every broken or incomplete unit replaced by one U+FFFD: what Python's
// bytes.decode("utf-8", errors="replace") gives. Surrogates and overlong forms are broken.
[[nodiscard]] std::string ReplaceInvalidUtf8(std::string_view bytes);

// Bytes that arrive piece by piece, as valid text: what has come so far but for a character whose
// last bytes are still missing. All it gives together is ReplaceInvalidUtf8 of all bytes.
class Utf8Assembler {
 public:
  [[nodiscard]] std::string Push(std::string_view bytes);
  [[nodiscard]] std::string Finish();

 private:
  std::string incomplete_;  // at most 3 bytes
};

}  // namespace ebb
