#include "cli/product_limit.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "base/stopwatch.h"
#include "cli/machine_limits.h"

namespace ebb {
namespace {

constexpr std::array<int64_t, 6> kRows = {1, 2, 4, 8, 16, 64};
constexpr uint64_t kBytes = uint64_t{96} << 20;  // of encoded experts
constexpr size_t kExpertsAtOnce = 6;

}  // namespace

Result<std::unique_ptr<ProductLimit>> ProductLimit::Open(const PackedSource& packed,
                                                         const ThreadPool& pool) {
  std::unique_ptr<ProductLimit> limit(new ProductLimit(pool));
  ExpertDecoder decoder(packed, pool);
  uint64_t bytes = 0;
  int64_t cols = 0;
  int64_t rows = 0;
  const ContainerIndex& index = packed.container().index();
  for (size_t g = 0; g < index.groups.size() && bytes < kBytes; ++g) {
    if (!packed.groups()[g].routed_expert) continue;
    const GroupRecord& group = index.groups[g];
    Expert expert;
    expert.bytes = AlignedArray<std::byte>(group.bytes + kReadSlackBytes);
    const auto all = expert.bytes.span().first(group.bytes);
    EBB_TRY(packed.container().ReadGroupInto(group, all));
    expert.encoded = std::make_unique<EncodedExpert>();
    EBB_TRY_ASSIGN(const bool is_taken, expert.encoded->Take(packed, g, all));
    if (is_taken) {
      expert.matrices = expert.encoded->matrices();
    } else {
      expert.decoded = std::make_unique<ExpertSlot>(ExpertSlot::BytesFor(packed, g));
      ExpertDecodeJob job{g, all, expert.decoded.get(), {}};
      decoder.Decode({&job, 1});
      EBB_TRY(job.status);
      expert.matrices = expert.decoded->matrices();
    }
    const WeightMatrix& up = expert.matrices.up;
    cols = std::max({cols, up.cols, up.rows});
    rows = std::max({rows, up.cols, up.rows});
    limit->weights_ += 3.0 * static_cast<double>(up.rows * up.cols);
    bytes += group.bytes;
    limit->experts_.push_back(std::move(expert));
  }
  if (limit->experts_.empty()) {
    return MakeError(ErrorCode::kUnsupported, packed.container().file().path(),
                     "it has no routed experts");
  }
  limit->x_.resize(static_cast<size_t>(kRows.back() * cols));
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  for (float& x : limit->x_) x = normal(random);
  limit->y_.resize(3 * kExpertsAtOnce * static_cast<size_t>(kRows.back() * rows));
  limit->seconds_.resize(kRows.size());
  return limit;
}

void ProductLimit::Measure() {
  std::vector<MatProduct> products;
  for (size_t k = 0; k < kRows.size(); ++k) {
    const Stopwatch watch;
    for (size_t first = 0; first < experts_.size(); first += kExpertsAtOnce) {
      products.clear();
      float* y = y_.data();
      for (size_t e = first; e < std::min(experts_.size(), first + kExpertsAtOnce); ++e) {
        const ExpertMatrices& matrices = experts_[e].matrices;
        for (const WeightMatrix* w : {&matrices.gate, &matrices.up, &matrices.down}) {
          products.push_back({*w, {x_.data(), kRows[k], w->cols}, {y, kRows[k], w->rows}});
          y += kRows[k] * w->rows;
        }
      }
      backend_->MatMul(products);
    }
    seconds_[k].push_back(watch.seconds() / weights_);
  }
}

double ProductLimit::SecondsPerWeight(double rows) const {
  size_t k = 1;
  while (k + 1 < kRows.size() && static_cast<double>(kRows[k]) < rows) ++k;
  const double low = static_cast<double>(kRows[k - 1]);
  const double high = static_cast<double>(kRows[k]);
  const double at = (std::max(1.0, rows) - low) / (high - low);  // beyond the last: extrapolated
  return MedianOf(seconds_[k - 1]) * (1 - at) + MedianOf(seconds_[k]) * at;
}

}  // namespace ebb
