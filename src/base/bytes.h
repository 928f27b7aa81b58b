// Little-endian numbers in byte buffers, and an aligned buffer to hold them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

namespace ebb {

static_assert(std::endian::native == std::endian::little,
              "Ebb runs on little-endian machines only");

template <typename T>
[[nodiscard]] T LoadLe(const std::byte* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename T>
void StoreLe(std::byte* to, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &value, sizeof(T));
}

template <typename T>
void AppendLe(std::vector<std::byte>& bytes, T value) {
  const size_t at = bytes.size();
  bytes.resize(at + sizeof(T));
  StoreLe(bytes.data() + at, value);
}

template <typename T>
[[nodiscard]] std::span<const std::byte> AsBytes(std::span<const T> values) {
  return std::as_bytes(values);
}

// An owned, uninitialised array aligned to 64 bytes (or to a larger power of two, for O_DIRECT).
// Not copyable; moving leaves the source empty.
template <typename T>
class AlignedArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedArray() = default;
  explicit AlignedArray(size_t size, size_t alignment = 64)
      : data_(static_cast<T*>(::operator new (size * sizeof(T), std::align_val_t{alignment})),
              Deleter{alignment}),
        size_(size) {}

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }
  std::span<T> span() { return {data_.get(), size_}; }
  std::span<const T> span() const { return {data_.get(), size_}; }

 private:
  struct Deleter {
    size_t alignment = 64;
    void operator()(T* data) const { ::operator delete (data, std::align_val_t{alignment}); }
  };
  std::unique_ptr<T[], Deleter> data_;
  size_t size_ = 0;
};

// Room that is used again and again, and grows.
template <typename T>
class ScratchArray {
 public:
  // Uninitialised; what was taken before is gone.
  std::span<T> Take(size_t size) {
    if (size > array_.size()) array_ = AlignedArray<T>(size);
    return array_.span().first(size);
  }

 private:
  AlignedArray<T> array_;
};

}  // namespace ebb
