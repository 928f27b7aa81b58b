#include "pack/verify.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <mutex>

#include "base/json.h"
#include "codec/bound.h"
#include "codec/chunk.h"
#include "packed/chunk_values.h"

namespace ebb {
namespace {

constexpr size_t kMaxProblems = 10;
constexpr uint64_t kCompareWeights = 4 * 1024 * 1024;  // held at a time when comparing

// The scope that the file was made with, from its attributes.
Result<BoundScope> ScopeOf(const PackedSource& packed) {
  const std::string& where = packed.container().file().path();
  EBB_TRY_ASSIGN(const Json attributes, ParseJson(packed.container().index().attributes, where));
  EBB_TRY_ASSIGN(const std::string scope,
                 GetString(attributes, "scope", where, std::string("expert")));
  return ParseBoundScope(scope);
}

// Checks one group. Everything it finds goes into its own report.
class GroupVerifier {
 public:
  GroupVerifier(const PackedSource& packed, const WeightSource* original, BoundScope scope,
                size_t g)
      : packed_(packed),
        original_(original),
        scope_(scope),
        group_(packed.groups()[g]),
        record_(packed.container().index().groups[g]) {}

  Result<VerifyReport> Run() {
    CheckChunks();
    // Damaged chunks cannot be compared; they count already.
    if (original_ != nullptr && report_.bad_chunks == 0) EBB_TRY(Compare());
    return std::move(report_);
  }

 private:
  const TensorSpec& Tensor(size_t i) const { return packed_.tensors()[group_.first_tensor + i]; }

  void CheckChunks() {
    const ContainerReader& container = packed_.container();
    const TensorRecord& tensor = packed_.Record(group_.first_tensor);
    ReadBuffer buffer;
    std::vector<float> values;
    uint64_t elements = 0;  // of the chunks so far
    for (const ChunkRecord& chunk : container.index().ChunksOf(record_)) {
      ++report_.chunks;
      const auto bytes = container.ReadChunk(chunk, &buffer);
      if (!bytes) {
        Bad(bytes.error().ToString());
        continue;
      }
      values.resize(chunk.elements);
      const Status decoded =
          DecodeChunkToF32(packed_.CodecOf(group_.first_tensor), static_cast<DType>(tensor.dtype),
                           *bytes, chunk.elements, values.data());
      if (!decoded) {
        Bad(container.Describe(chunk) + ": " + decoded.error().ToString());
      } else if (scope_ == BoundScope::kRow) {
        AddRowBounds(*bytes, elements);
      }
      elements += chunk.elements;
    }
  }

  // The bounds that rows of a chunk were quantized with: half their steps. Where rows have bounds
  // of their own (like:CODEC) the record names the largest, and each row is held to its own.
  void AddRowBounds(std::span<const std::byte> bytes, uint64_t first_element) {
    size_t t = 0;
    while (first_element >= Tensor(t).elements()) first_element -= Tensor(t++).elements();
    const auto chunk = ParseChunk(bytes);
    const bool has_steps = chunk && chunk->header.map == ValueMap::kCodes;
    const uint64_t elements = chunk ? chunk->header.elements : 0;
    for (uint64_t first = 0; first < elements; first += Tensor(t).cols()) {
      row_bounds_.push_back(has_steps ? chunk->StepOf(static_cast<uint32_t>(first)) / 2
                                      : std::numeric_limits<float>::max());
    }
  }

  void Bad(const std::string& problem) {
    ++report_.bad_chunks;
    report_.problems.push_back(problem);
  }

  Status Compare() {
    EBB_TRY(FindBounds());
    size_t scope = 0;
    for (size_t t = 0; t < group_.tensors; ++t) {
      const TensorSpec& tensor = Tensor(t);
      const bool lossless =
          static_cast<BoundKind>(packed_.Record(group_.first_tensor + t).bound_kind) ==
          BoundKind::kLossless;
      const Status visited = VisitRows(
          tensor,
          [&](uint64_t row, uint64_t rows) -> Status {
            if (lossless) return CompareWords(tensor, row, rows);
            for (uint64_t r = 0; r < rows; ++r) {
              const size_t s = scope_ == BoundScope::kRow ? scope + row + r : scope;
              CompareRow(tensor, row + r, r, bounds_[s]);
            }
            return {};
          },
          !lossless);
      EBB_TRY(visited);
      if (scope_ == BoundScope::kTensor) ++scope;
      if (scope_ == BoundScope::kRow) scope += tensor.rows();
    }
    return {};
  }

  // The absolute bound of each scope, from the original weights.
  Status FindBounds() {
    std::vector<MagnitudeSum> sums(1);
    std::vector<size_t> tensors(1);  // of each scope: the (first) tensor that it is of
    for (size_t t = 0; t < group_.tensors; ++t) {
      const TensorSpec& tensor = Tensor(t);
      if (t > 0 && scope_ == BoundScope::kTensor) {
        sums.emplace_back();
        tensors.push_back(t);
      }
      EBB_TRY(VisitRows(
          tensor,
          [&](uint64_t row, uint64_t rows) -> Status {
            const std::span<const float> values = original_values_;
            if (scope_ != BoundScope::kRow) {
              sums.back().Add(values);
              return {};
            }
            for (uint64_t r = 0; r < rows; ++r) {
              if (t + row + r > 0) {
                sums.emplace_back();
                tensors.push_back(t);
              }
              sums.back().Add(values.subspan(r * tensor.cols(), tensor.cols()));
            }
            return {};
          },
          false));
    }
    for (size_t s = 0; s < sums.size(); ++s) {
      const TensorRecord& record = packed_.Record(group_.first_tensor + tensors[s]);
      const ErrorBound bound = {static_cast<BoundKind>(record.bound_kind), record.bound_value};
      bounds_.push_back(AbsoluteBound(bound, sums[s].Mean()));
      if (s < row_bounds_.size()) bounds_[s] = std::min(bounds_[s], row_bounds_[s]);
    }
    return {};
  }

  // Reads a tensor of the original some rows at a time into original_values_ (and, `with_packed`,
  // the file's own weights into packed_values_).
  template <typename Visit>
  Status VisitRows(const TensorSpec& tensor, Visit visit, bool with_packed) {
    EBB_TRY_ASSIGN(const DType dtype, original_->DTypeOf(tensor));
    const uint64_t cols = tensor.cols();
    const uint64_t rows_each = std::max<uint64_t>(1, kCompareWeights / cols);
    for (uint64_t row = 0; row < tensor.rows(); row += rows_each) {
      const uint64_t rows = std::min(rows_each, tensor.rows() - row);
      words_.resize(rows * cols * DTypeBytes(dtype));
      EBB_TRY(original_->ReadRows(tensor, row, rows, words_));
      original_values_.resize(rows * cols);
      WidenToF32(dtype, words_.data(), rows * cols, original_values_.data());
      if (with_packed) {
        packed_values_.resize(rows * cols);
        EBB_TRY(
            packed_.ReadRows(tensor, row, rows, std::as_writable_bytes(std::span(packed_values_))));
      }
      EBB_TRY(visit(row, rows));
    }
    return {};
  }

  void CompareRow(const TensorSpec& tensor, uint64_t row, uint64_t row_in_buffer, float bound) {
    const uint64_t cols = tensor.cols();
    report_.elements += cols;
    for (uint64_t c = 0; c < cols; ++c) {
      const float original = original_values_[row_in_buffer * cols + c];
      const float decoded = packed_values_[row_in_buffer * cols + c];
      if (std::bit_cast<uint32_t>(original) == std::bit_cast<uint32_t>(decoded)) continue;
      // In float64 the difference of two float32 is as good as exact. NaN compares false.
      const double error = std::abs(static_cast<double>(decoded) - static_cast<double>(original));
      if (error <= static_cast<double>(bound)) {
        if (bound > 0) {
          report_.max_error_over_bound =
              std::max(report_.max_error_over_bound, error / static_cast<double>(bound));
        }
        continue;
      }
      if (bound > 0 && std::isfinite(error)) {
        report_.max_error_over_bound =
            std::max(report_.max_error_over_bound, error / static_cast<double>(bound));
      }
      Violation(tensor, row, c, fmt::format("{} for {}, bound {}", decoded, original, bound));
    }
  }

  Status CompareWords(const TensorSpec& tensor, uint64_t row, uint64_t rows) {
    EBB_TRY_ASSIGN(const DType dtype, original_->DTypeOf(tensor));
    EBB_TRY_ASSIGN(const DType packed_dtype, packed_.DTypeOf(tensor));
    if (dtype != packed_dtype) {
      return MakeError(ErrorCode::kInvalidArgument, tensor.name,
                       "is {} in the checkpoint, {} in the .ebb file: not made from it",
                       DTypeName(dtype), DTypeName(packed_dtype));
    }
    std::vector<std::byte> words(words_.size());
    EBB_TRY(packed_.ReadRows(tensor, row, rows, words));
    const uint64_t size = DTypeBytes(dtype);
    const uint64_t count = rows * tensor.cols();
    report_.elements += count;
    for (uint64_t i = 0; i < count; ++i) {
      if (std::equal(words.begin() + static_cast<ptrdiff_t>(i * size),
                     words.begin() + static_cast<ptrdiff_t>((i + 1) * size),
                     words_.begin() + static_cast<ptrdiff_t>(i * size))) {
        continue;
      }
      Violation(tensor, row + i / tensor.cols(), i % tensor.cols(), "differs, should be lossless");
    }
    return {};
  }

  void Violation(const TensorSpec& tensor, uint64_t row, uint64_t col, const std::string& what) {
    ++report_.violations;
    if (report_.problems.size() < kMaxProblems) {
      report_.problems.push_back(fmt::format("{} [{}, {}]: {}", tensor.name, row, col, what));
    }
  }

  const PackedSource& packed_;
  const WeightSource* original_;
  BoundScope scope_;
  const TensorGroup& group_;
  const GroupRecord& record_;
  VerifyReport report_;
  std::vector<float> bounds_;      // of each scope
  std::vector<float> row_bounds_;  // of each row, where rows are the scopes: as they were coded
  std::vector<std::byte> words_;
  std::vector<float> original_values_;
  std::vector<float> packed_values_;
};

Status CheckSameTensors(const PackedSource& packed, const WeightSource& original) {
  const auto same = [](const TensorSpec& a, const TensorSpec& b) {
    return a.name == b.name && a.shape == b.shape;
  };
  if (std::equal(packed.tensors().begin(), packed.tensors().end(), original.tensors().begin(),
                 original.tensors().end(), same)) {
    return {};
  }
  return MakeError(ErrorCode::kInvalidArgument, packed.container().file().path(),
                   "the checkpoint to compare with has other tensors");
}

}  // namespace

Result<VerifyReport> Verify(const PackedSource& packed, const WeightSource* original,
                            const ThreadPool& threads, const ProgressSink& progress) {
  if (original != nullptr) EBB_TRY(CheckSameTensors(packed, *original));
  EBB_TRY_ASSIGN(const BoundScope scope, ScopeOf(packed));
  VerifyReport total;
  Status status;
  Progress done{0, packed.groups().size()};
  std::vector<Result<VerifyReport>> reports(packed.groups().size());
  threads.RunInOrder(
      reports.size(), static_cast<size_t>(threads.threads()) + 1,
      [&](size_t g) { reports[g] = GroupVerifier(packed, original, scope, g).Run(); },
      [&](size_t g) {
        if (!reports[g]) {
          status = tl::unexpected(reports[g].error());
          return false;
        }
        const VerifyReport& report = *reports[g];
        total.chunks += report.chunks;
        total.bad_chunks += report.bad_chunks;
        total.elements += report.elements;
        total.violations += report.violations;
        total.max_error_over_bound =
            std::max(total.max_error_over_bound, report.max_error_over_bound);
        for (const std::string& problem : report.problems) {
          if (total.problems.size() < kMaxProblems) total.problems.push_back(problem);
        }
        ++done.done;
        if (progress) progress(done);
        return true;
      });
  EBB_TRY(status);
  return total;
}

}  // namespace ebb
