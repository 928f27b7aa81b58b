// zfp: libzfp in its fixed-accuracy mode; a bound of 0 takes its reversible mode. Rows and columns
// are the two dimensions of its 4 x 4 blocks.
//
// Not guaranteed: a block shares one exponent and at most 32 bit planes, so where magnitudes span
// more than about 2^24 times the bound, the error exceeds it; and NaN and infinities have no code
// (they are refused).
#include "peers/peers.h"

#if EBB_HAVE_ZFP
#include <zfp.h>

#include <cmath>
#include <cstring>
#endif

namespace ebb {
namespace {

const CodecInfo& ZfpInfo() {
  static const CodecInfo kInfo = {
    "zfp",
    false,
    EBB_HAVE_ZFP != 0,
#if EBB_HAVE_ZFP
    "libzfp " ZFP_VERSION_STRING
    ", fixed accuracy; keeps the bound unless magnitudes span more "
    "than 2^24 bounds; no NaN or infinity"
#else
    "this build has no libzfp. Install it and build again: apt-get install libzfp-dev && cmake "
    "--preset release && make build"
#endif
  };
  return kInfo;
}

#if EBB_HAVE_ZFP

// libzfp's objects, for one array. What encodes reads `values`, what decodes writes them.
class ZfpArray {
 public:
  ZfpArray(void* values, uint64_t rows, uint64_t cols, float bound)
      : zfp_(zfp_stream_open(nullptr)),
        field_(rows == 1 ? zfp_field_1d(values, zfp_type_float, cols)
                         : zfp_field_2d(values, zfp_type_float, cols, rows)) {
    if (bound == 0) {
      zfp_stream_set_reversible(zfp_);
    } else {
      zfp_stream_set_accuracy(zfp_, double{bound});
    }
  }
  ~ZfpArray() {
    if (bits_ != nullptr) stream_close(bits_);
    zfp_field_free(field_);
    zfp_stream_close(zfp_);
  }
  ZfpArray(const ZfpArray&) = delete;
  ZfpArray& operator=(const ZfpArray&) = delete;

  // More than coding ever writes or decoding reads, whatever the bits say.
  size_t MaxBytes() const { return zfp_stream_maximum_size(zfp_, field_); }

  // Bytes written; 0 if it failed.
  size_t Encode(std::span<std::byte> to) {
    Attach(to.data(), to.size());
    return zfp_compress(zfp_, field_);
  }
  // Bytes read; 0 if it failed.
  size_t Decode(std::span<std::byte> from) {
    Attach(from.data(), from.size());
    return zfp_decompress(zfp_, field_);
  }

 private:
  void Attach(std::byte* bytes, size_t size) {
    bits_ = stream_open(bytes, size);
    zfp_stream_set_bit_stream(zfp_, bits_);
    zfp_stream_rewind(zfp_);
  }

  zfp_stream* zfp_;
  zfp_field* field_;
  bitstream* bits_ = nullptr;
};

class ZfpCodec final : public Codec {
 public:
  const CodecInfo& info() const override { return ZfpInfo(); }

  Result<EncodedArray> Encode(const ArrayView& array, float bound, uint64_t) const override {
    EncodedArray encoded;
    encoded.side_bytes = kShapeAndBoundBytes;
    if (array.values.empty()) return encoded;
    if (bound > 0) {
      for (size_t i = 0; i < array.values.size(); ++i) {
        if (std::isfinite(array.values[i])) continue;
        return MakeError(ErrorCode::kUnsupported, "zfp",
                         "element {} is not finite, and zfp has no code for that", i);
      }
    }
    ZfpArray zfp(const_cast<float*>(array.values.data()), array.rows, array.cols, bound);
    encoded.stream.resize(zfp.MaxBytes());
    const size_t size = zfp.Encode(encoded.stream);
    if (size == 0) return MakeError(ErrorCode::kUnsupported, "zfp", "libzfp could not encode it");
    encoded.stream.resize(size);
    return encoded;
  }

  Status Decode(std::span<const std::byte> stream, uint64_t rows, uint64_t cols, float bound,
                float* out) const override {
    if (rows == 0 || cols == 0) {
      if (stream.empty()) return {};
      return MakeError(ErrorCode::kCorrupt, "stream", "has bytes left over");
    }
    ZfpArray zfp(out, rows, cols, bound);
    // libzfp does not look where its stream ends: it gets a copy with room for all that it can
    // read.
    std::vector<std::byte> padded(stream.size() + zfp.MaxBytes() + sizeof(uint64_t));
    if (!stream.empty()) std::memcpy(padded.data(), stream.data(), stream.size());
    const size_t used = zfp.Decode(padded);
    if (used == stream.size()) return {};
    return MakeError(ErrorCode::kCorrupt, "stream", "has {} bytes; its blocks take {}",
                     stream.size(), used);
  }

 private:
  // Rows and columns as u64 and the bound as f32.
  static constexpr uint64_t kShapeAndBoundBytes = 20;
};

#else

class ZfpCodec final : public Codec {
 public:
  const CodecInfo& info() const override { return ZfpInfo(); }
  Result<EncodedArray> Encode(const ArrayView&, float, uint64_t) const override {
    return MakeError(ErrorCode::kUnsupported, "zfp", "{}", info().reason);
  }
  Status Decode(std::span<const std::byte>, uint64_t, uint64_t, float, float*) const override {
    return MakeError(ErrorCode::kUnsupported, "zfp", "{}", info().reason);
  }
};

#endif

}  // namespace

std::unique_ptr<Codec> MakeZfpCodec() { return std::make_unique<ZfpCodec>(); }

}  // namespace ebb
