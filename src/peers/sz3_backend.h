// A real SZ3, however it came into this process.
//
// Encode and Decode call foreign code that may crash, loop, allocate or print: they are only called
// in a child process (peers/isolated.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "codec/codec.h"
#include "peers/peers.h"

namespace ebb {

class Sz3Backend {
 public:
  virtual ~Sz3Backend() = default;

  // "SZ3 3.3.2, built in", "HDF5 filter 32024 of /.../libh5sz3.so".
  virtual std::string Describe() const = 0;
  virtual bool Supports(Sz3Algorithm algorithm) const = 0;

  // Whether Encode needs a folder to leave a configuration in.
  virtual bool NeedsFolder(Sz3Algorithm algorithm) const = 0;

  // Fills `to` with the coded array and returns the size; nothing if it failed. `bound` > 0;
  // `folder` is an empty one of its own, if it needs one.
  virtual std::optional<size_t> Encode(const ArrayView& array, double bound, Sz3Algorithm algorithm,
                                       const std::string& folder,
                                       std::span<std::byte> to) const = 0;
  // Fills `to`, rows x cols values.
  virtual bool Decode(std::span<const std::byte> stream, uint64_t rows, uint64_t cols,
                      std::span<float> to) const = 0;
};

// The SZ3 that this build was made with (find_package(SZ3)); null if it was made without.
[[nodiscard]] std::unique_ptr<Sz3Backend> MakeBuiltInSz3();

// The HDF5 filter 32024 (H5Z-SZ3) in the folders of HDF5_PLUGIN_PATH, as the hdf5plugin wheel
// brings it. HDF5 itself is not needed. kNotFound if there is none.
[[nodiscard]] Result<std::unique_ptr<Sz3Backend>> LoadSz3Filter();

}  // namespace ebb
