#include "kernels/cpu/codes_product.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "codec/chunk.h"
#include "codec/chunk_decoder.h"

namespace ebb {
namespace {

constexpr int64_t kRowsAtOnce = 128;
using Sums = std::array<int64_t, kRowsAtOnce * kFixedTokens>;

// What the sums of each token of a block become products with.
struct Factors {
  Factors(const FixedBlock& block, float step) {
    for (int64_t t = 0; t < block.tokens; ++t) of[t] = FactorOfSums(step, block.scales[t]);
  }

  double of[kFixedTokens];
};

// Adds the exceptions of rows [rows.begin, rows.end) for the tokens.
void AddExceptions(const MatProduct& product, RowSpan rows, RowSpan tokens) {
  const auto& [w, x, y] = product;
  auto e =
      std::lower_bound(w.exceptions.begin(), w.exceptions.end(), rows.begin,
                       [](const WeightException& a, int64_t row) { return int64_t{a.row} < row; });
  for (; e != w.exceptions.end() && int64_t{e->row} < rows.end; ++e) {
    for (int64_t t = tokens.begin; t < tokens.end; ++t) {
      y.row(t)[e->row] = std::fma(e->value, x.row(t)[e->col], y.row(t)[e->row]);
    }
  }
}

}  // namespace

template <typename Code>
void CodesProduct::Fix(const FixedKernels<Code>& kernels, const ConstRows& x, int64_t tokens,
                       int64_t cols, RowSpan range) {
  const Source source{x.data, x.stride, tokens, cols, sizeof(Code)};
  if (source == source_ && block_.first_col == range.begin) return;
  const float* rows[kFixedTokens];
  for (int64_t t = 0; t < tokens; ++t) rows[t] = x.row(t);
  if (source != source_) {
    for (int64_t t = 0; t < tokens; ++t) block_.scales[t] = kernels_.scale_of_row(rows[t], cols);
    source_ = source;
  }
  block_.tokens = tokens;
  block_.first_col = range.begin;
  block_.cols = range.end - range.begin;
  kernels.fix(rows, block_);
}

template <typename Code>
void CodesProduct::MultiplyCodes(const FixedKernels<Code>& kernels, const MatProduct& product,
                                 RowSpan rows, RowSpan tokens) {
  const auto& [w, x, y] = product;
  const auto* const codes = static_cast<const Code*>(w.data);
  const int64_t most_tokens = MaxEncodedTokens(std::min(w.cols, kFixedCols));
  for (int64_t t = tokens.begin; t < tokens.end; t += most_tokens) {
    const int64_t count = std::min(most_tokens, tokens.end - t);
    const ConstRows some{x.row(t), count, x.stride};
    for (int64_t r = rows.begin; r < rows.end; r += kRowsAtOnce) {
      const int64_t some_rows = std::min(kRowsAtOnce, rows.end - r);
      Sums sums{};
      for (int64_t c = 0; c == 0 || c < w.cols; c += kFixedCols) {
        Fix(kernels, some, count, w.cols, {c, std::min(w.cols, c + kFixedCols)});
        kernels.dot(codes + r * w.cols + c, w.cols, some_rows, block_, sums.data());
      }
      const Factors factors(block_, w.step);
      for (int64_t i = 0; i < some_rows; ++i) {
        for (int64_t j = 0; j < count; ++j) {
          y.row(t + j)[r + i] =
              ProductOfSum(sums[static_cast<size_t>(i * kFixedTokens + j)], factors.of[j]);
        }
      }
    }
  }
  AddExceptions(product, rows, tokens);
}

void CodesProduct::Multiply(const MatProduct& product, RowSpan rows, RowSpan tokens) {
  if (product.w.format == WeightFormat::kCodes8) {
    MultiplyCodes(kernels_.codes8, product, rows, tokens);
  } else {
    MultiplyCodes(kernels_.codes16, product, rows, tokens);
  }
}

namespace {

// Multiplies rows as the decoder brings them.
class RowsVisitor final : public UnitVisitor {
 public:
  RowsVisitor(const FixedKernels<int8_t>& kernels, const FixedBlock& block,
              const WeightMatrix& matrix, int64_t first_row, Rows y)
      : kernels_(kernels),
        block_(block),
        factors_(block, matrix.step),
        cols_(matrix.cols),
        first_row_(first_row),
        y_(y) {}

  void Visit(std::span<const uint32_t> positions, const int8_t* integers) override {
    int64_t sums[kMaxUnitsAtOnce * kFixedTokens] = {};
    kernels_.dot(integers, cols_, static_cast<int64_t>(positions.size()), block_, sums);
    for (size_t i = 0; i < positions.size(); ++i) {
      const int64_t row = first_row_ + positions[i];
      for (int64_t t = 0; t < y_.count; ++t) {
        y_.row(t)[row] =
            ProductOfSum(sums[static_cast<int64_t>(i) * kFixedTokens + t], factors_.of[t]);
      }
    }
  }

 private:
  const FixedKernels<int8_t>& kernels_;
  const FixedBlock& block_;
  const Factors factors_;
  const int64_t cols_;
  const int64_t first_row_;
  const Rows y_;
};

}  // namespace

void CodesProduct::MultiplyChunk(const MatProduct& product, const EncodedRows& chunk,
                                 RowSpan tokens) {
  const auto& [w, x, y] = product;
  const Result<ChunkView> view = ParseChunk(chunk.bytes);
  const auto decode = BestChunkDecoder().units_to_int8;
  EBB_CHECK(decode != nullptr);
  bool is_whole = view && view->header.unit == static_cast<uint64_t>(w.cols) &&
                  view->full_units() == static_cast<uint64_t>(chunk.rows) &&
                  view->partial_elements() == 0 && view->header.code_bytes == 1;
  const int64_t most_tokens = MaxEncodedTokens(w.cols);
  for (int64_t t = tokens.begin; t < tokens.end && is_whole; t += most_tokens) {
    const int64_t count = std::min(most_tokens, tokens.end - t);
    Fix(kernels_.codes8, {x.row(t), count, x.stride}, count, w.cols, {0, w.cols});
    RowsVisitor visitor(kernels_.codes8, block_, w, chunk.first_row, {y.row(t), count, y.stride});
    is_whole = decode(*view, tile_, visitor);
  }
  if (!is_whole) {
    w.encoded().is_corrupt = true;
    return;
  }
  AddExceptions(product, {chunk.first_row, chunk.first_row + chunk.rows}, tokens);
}

}  // namespace ebb
