#include "peers/sz3_backend.h"

#if EBB_HAVE_SZ3
#include <SZ3/api/sz.hpp>

#include <algorithm>
#endif

namespace ebb {

#if EBB_HAVE_SZ3
namespace {

SZ3::ALGO AlgorithmOf(Sz3Algorithm algorithm) {
  switch (algorithm) {
    case Sz3Algorithm::kInterpLorenzo:
      return SZ3::ALGO_INTERP_LORENZO;
    case Sz3Algorithm::kLorenzoReg:
      return SZ3::ALGO_LORENZO_REG;
    case Sz3Algorithm::kNoPred:
      return SZ3::ALGO_NOPRED;
  }
  return SZ3::ALGO_INTERP_LORENZO;
}

class BuiltInSz3 final : public Sz3Backend {
 public:
  std::string Describe() const override { return "SZ3 " SZ3_VER ", built in"; }
  bool Supports(Sz3Algorithm) const override { return true; }
  bool NeedsFolder(Sz3Algorithm) const override { return false; }

  std::optional<size_t> Encode(const ArrayView& array, double bound, Sz3Algorithm algorithm,
                               const std::string&, std::span<std::byte> to) const override {
    SZ3::Config config =
        array.rows == 1 ? SZ3::Config(array.cols) : SZ3::Config(array.rows, array.cols);
    config.cmprAlgo = AlgorithmOf(algorithm);
    config.errorBoundMode = SZ3::EB_ABS;
    config.absErrorBound = bound;
    // It works on its input in place.
    std::vector<float> values(array.values.begin(), array.values.end());
    return SZ_compress<float>(config, values.data(), reinterpret_cast<char*>(to.data()), to.size());
  }

  bool Decode(std::span<const std::byte> stream, uint64_t rows, uint64_t cols,
              std::span<float> to) const override {
    SZ3::Config config;
    float* out = nullptr;  // its own memory: the stream says how much it writes
    SZ_decompress<float>(config, reinterpret_cast<const char*>(stream.data()), stream.size(), out);
    if (config.num != rows * cols) return false;
    std::copy_n(out, config.num, to.begin());
    return true;
  }
};

}  // namespace

std::unique_ptr<Sz3Backend> MakeBuiltInSz3() { return std::make_unique<BuiltInSz3>(); }

#else

std::unique_ptr<Sz3Backend> MakeBuiltInSz3() { return nullptr; }

#endif

}  // namespace ebb
