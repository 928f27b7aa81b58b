// Matrix products, for each instruction set.
#include "kernels/cpu/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/matmul.cc"
#include <algorithm>

#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/dot_range-inl.h"
#include "kernels/cpu/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {

// A matrix is read once, or once for many rows of activations, and as fast as memory gives it. The
// hardware must see anew for every row where it leads; so each tile asks for the rows of the next
// but one. Longer rows give the hardware time enough.
constexpr int64_t kLongRowBytes = 16 * 1024;

template <WeightFormat kFormat>
void MultiplyFormat(const MatProduct& product, RowSpan rows, RowSpan tokens) {
  using T = typename Stored<kFormat>::Type;
  const auto& [w, x, y] = product;
  const T* first = static_cast<const T*>(w.data) + rows.begin * w.cols;
  const bool short_rows = w.cols * static_cast<int64_t>(sizeof(T)) <= kLongRowBytes;
  const int64_t ahead = 2 * (tokens.end - tokens.begin == 1 ? kSingleRows : kTileRows);
  DotRangeInput<T> in{first,
                      w.cols,
                      rows.end - rows.begin,
                      w.cols,
                      1.0f,
                      first + ahead * w.cols,
                      short_rows ? w.rows - rows.begin - ahead : 0};
  constexpr int64_t kPointers = 8 * kTileTokens;
  const float* from[kPointers];
  float* to[kPointers];
  for (int64_t t = tokens.begin; t < tokens.end;) {
    const int64_t count = std::min(kPointers, tokens.end - t);
    for (int64_t i = 0; i < count; ++i, ++t) {
      from[i] = x.row(t);
      to[i] = y.row(t) + rows.begin;
    }
    DotRange<kFormat>(in, count, from, to);
    in.next_rows = 0;  // they have been asked for
  }
}

void Multiply(const MatProduct& product, RowSpan rows, RowSpan tokens) {
  switch (product.w.format) {
    case WeightFormat::kF32:
      return MultiplyFormat<WeightFormat::kF32>(product, rows, tokens);
    case WeightFormat::kBf16:
      return MultiplyFormat<WeightFormat::kBf16>(product, rows, tokens);
    case WeightFormat::kF16:
      return MultiplyFormat<WeightFormat::kF16>(product, rows, tokens);
    case WeightFormat::kCodes8:
    case WeightFormat::kCodes16:
    case WeightFormat::kEncoded8:
      break;  // CodesProduct's
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ebb {

HWY_EXPORT(Multiply);

void ChooseMatMulKernels(int64_t target, CpuKernels& kernels) {
  const size_t i = DispatchIndex(target);
  kernels.multiply = HWY_DISPATCH_TABLE(Multiply)[i];
}

}  // namespace ebb
#endif  // HWY_ONCE
