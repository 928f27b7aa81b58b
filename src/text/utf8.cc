#include "text/utf8.h"

namespace ebb {
namespace {

// What may follow a lead byte: how many bytes, and the range of the first of them (which excludes
// overlong forms, surrogates and code points above U+10FFFF; the others are 80..BF).
struct Lead {
  uint32_t size_bytes;  // of the whole sequence; 0 for a byte that starts none
  uint8_t second_min;
  uint8_t second_max;
};

Lead LeadOf(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

Utf8Unit ReadUtf8(std::string_view bytes, size_t at) {
  const Lead lead = LeadOf(static_cast<uint8_t>(bytes[at]));
  if (lead.size_bytes == 0) return {Utf8Kind::kBroken, 1, 0};
  for (uint32_t i = 1; i < lead.size_bytes; ++i) {
    if (at + i >= bytes.size()) return {Utf8Kind::kIncomplete, i, 0};
    const uint8_t byte = static_cast<uint8_t>(bytes[at + i]);
    const uint8_t min = i == 1 ? lead.second_min : 0x80;
    const uint8_t max = i == 1 ? lead.second_max : 0xBF;
    if (byte < min || byte > max) return {Utf8Kind::kBroken, i, 0};
  }
  return ReadValidUtf8(bytes, at);
}

void AppendUtf8(char32_t code_point, std::string* to) {
  const auto put = [&](char32_t byte) { to->push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

bool IsValidUtf8(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    if (static_cast<uint8_t>(bytes[at]) < 0x80) {
      ++at;
      continue;
    }
    const Utf8Unit unit = ReadUtf8(bytes, at);
    if (unit.kind != Utf8Kind::kValid) return false;
    at += unit.size_bytes;
  }
  return true;
}

std::string ReplaceInvalidUtf8(std::string_view bytes) {
  std::string valid;
  valid.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const Utf8Unit unit = ReadUtf8(bytes, at);
    valid += unit.kind == Utf8Kind::kValid ? bytes.substr(at, unit.size_bytes) : kReplacementUtf8;
    at += unit.size_bytes;
  }
  return valid;
}

std::string Utf8Assembler::Push(std::string_view bytes) {
  incomplete_ += bytes;
  size_t end = 0;
  while (end < incomplete_.size()) {
    const Utf8Unit unit = ReadUtf8(incomplete_, end);
    if (unit.kind == Utf8Kind::kIncomplete) break;
    end += unit.size_bytes;
  }
  std::string text = ReplaceInvalidUtf8(std::string_view(incomplete_).substr(0, end));
  incomplete_.erase(0, end);
  return text;
}

std::string Utf8Assembler::Finish() {
  std::string text = ReplaceInvalidUtf8(incomplete_);
  incomplete_.clear();
  return text;
}

}  // namespace ebb
