// Takes numbers and strings from a byte range, one after the other. Reading past the end gives
// zeros and is remembered, so that a parser may check once for several fields, and must before it
// allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"

namespace ebb {

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <typename T>
  T Take() {
    if (rest_.size() < sizeof(T)) {
      overrun_ = true;
      rest_ = {};
      return T{};
    }
    const T value = LoadLe<T>(rest_.data());
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }

  std::string TakeText(uint64_t size) {
    if (size > rest_.size()) {
      overrun_ = true;
      rest_ = {};
      return {};
    }
    std::string text(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
    return text;
  }
  std::string TakeString() { return TakeText(Take<uint16_t>()); }

  bool overrun() const { return overrun_; }
  size_t left() const { return rest_.size(); }

 private:
  std::span<const std::byte> rest_;
  bool overrun_ = false;
};

}  // namespace ebb
