#include "pack/like_bound.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/bytes.h"
#include "codec/quantizer.h"
#include "peers/codecs.h"

namespace ebb {
namespace {

constexpr std::string_view kPrefix = "like:";
// A multiple of the groups of all codecs of fixed width: runs of so many weights have whole groups.
constexpr size_t kWholeGroups = 64;
constexpr uint32_t kMagnitudes = 1 << 15;  // words of 16 bits without their sign
constexpr double kPrecision = 1.0 / 4096;

}  // namespace

Result<ErrorBound> ParseBoundOrLike(std::string_view text) {
  if (!text.starts_with(kPrefix)) return ParseErrorBound(text);
  const std::string_view name = text.substr(kPrefix.size());
  EBB_TRY_ASSIGN(const Codec* codec, FindCodec(name));
  if (codec->info().kind != CodecKind::kFixedWidth) {
    return MakeError(ErrorCode::kInvalidArgument, "",
                     "\"{}\": {} has no error of its own; write like:rtn8, like:rtn4, like:rtn3, "
                     "like:rtn2 or like:nf4",
                     text, name);
  }
  return ErrorBound::Like(codec->info().name);
}

const Codec& CodecToBeLike(const ErrorBound& bound) {
  const Result<const Codec*> codec = FindCodec(bound.like);
  EBB_CHECK(codec.has_value());
  return **codec;
}

double QuantizerError::At(float bound, std::span<const float> weights,
                          std::span<const double> counts) {
  codes_.resize(weights.size());
  exceptions_.clear();
  Quantize(weights, bound, 0, codes_.data(), &exceptions_);
  const float step = StepForBound(bound);
  // Eight partial sums, so that the compiler may use vectors without changing the result.
  constexpr size_t kLanes = 8;
  std::array<double, kLanes> sums{};
  const auto squared = [&](size_t i) {
    const double error =
        static_cast<double>(Reconstruct(codes_[i], step)) - static_cast<double>(weights[i]);
    return error * error;
  };
  const auto add = [&](size_t first, size_t end) {
    size_t i = first;
    if (!counts.empty()) {
      for (; i < end; ++i) sums[i % kLanes] += counts[i] * squared(i);
      return;
    }
    for (; i + kLanes <= end; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += squared(i + lane);
    }
    for (; i < end; ++i) sums[i % kLanes] += squared(i);
  };
  size_t first = 0;
  for (const ChunkView::Exception& exception : exceptions_) {  // these make no error
    add(first, exception.element);
    first = size_t{exception.element} + 1;
  }
  add(first, weights.size());
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

Status LikeBoundFinder::AddCodecError(std::span<const float> weights) {
  EBB_TRY_ASSIGN(const double error, codec_.SquaredError({weights, 1, weights.size()}));
  codec_error_ += error;
  return {};
}

void LikeBoundFinder::AddMagnitude(float magnitude, uint64_t count) {
  if (!(magnitude <= std::numeric_limits<float>::max())) return;
  finite_ += count;
  largest_ = std::max(largest_, magnitude);
}

void LikeBoundFinder::StopCounting() {
  for (const auto& [magnitude, count] : Counted()) AddMagnitude(magnitude, count);
  counted_ = false;
}

std::vector<std::pair<float, uint64_t>> LikeBoundFinder::Counted() const {
  std::vector<std::pair<float, uint64_t>> counted;
  for (uint32_t word = 0; word < counts_.size(); ++word) {
    if (counts_[word] == 0) continue;
    const auto bits = static_cast<uint16_t>(word);
    float magnitude;
    WidenToF32(counted_dtype_, &bits, 1, &magnitude);
    if (std::isfinite(magnitude)) counted.emplace_back(magnitude, counts_[word]);
  }
  return counted;
}

Status LikeBoundFinder::Add(DType dtype, std::span<const std::byte> words,
                            std::span<const float> weights) {
  const bool countable = DTypeBytes(dtype) == 2 && (counts_.empty() || dtype == counted_dtype_);
  if (counted_ && !countable) StopCounting();
  if (counted_) {
    counts_.resize(kMagnitudes);
    counted_dtype_ = dtype;
    for (size_t i = 0; i < weights.size(); ++i) {
      ++counts_[LoadLe<uint16_t>(words.data() + 2 * i) & (kMagnitudes - 1)];
    }
  } else {
    for (const float weight : weights) AddMagnitude(std::fabs(weight), 1);
  }
  if (!carried_.empty()) {
    const auto taken = weights.first(std::min(kWholeGroups - carried_.size(), weights.size()));
    carried_.insert(carried_.end(), taken.begin(), taken.end());
    weights = weights.subspan(taken.size());
    if (carried_.size() < kWholeGroups) return {};
    EBB_TRY(AddCodecError(carried_));
    carried_.clear();
  }
  const size_t whole = weights.size() / kWholeGroups * kWholeGroups;
  EBB_TRY(AddCodecError(weights.first(whole)));
  carried_.assign(weights.begin() + static_cast<ptrdiff_t>(whole), weights.end());
  return {};
}

Status LikeBoundFinder::EndMatrix() {
  if (carried_.empty()) return {};
  EBB_TRY(AddCodecError(carried_));
  carried_.clear();
  return {};
}

Result<float> LikeBoundFinder::Find(const ErrorAt& error_at) const {
  if (!counted_) return Search(finite_, largest_, error_at);
  std::vector<float> magnitudes;
  std::vector<double> counts;
  uint64_t finite = 0;
  for (const auto& [magnitude, count] : Counted()) {
    magnitudes.push_back(magnitude);
    counts.push_back(static_cast<double>(count));
    finite += count;
  }
  const float largest =
      magnitudes.empty() ? 0 : *std::max_element(magnitudes.begin(), magnitudes.end());
  // Quantizing is symmetric, so that signs do not matter.
  QuantizerError error;
  return Search(finite, largest, [&](float bound) { return error.At(bound, magnitudes, counts); });
}

// The error at bound e is close to a constant times e^2 (n e^2 / 3 while bins are narrow), so from
// any e the next guess is e sqrt(wanted / measured); a guess a little to the other side of it than
// the last one closes the bracket. Over a few parts in 4096 the error is not quite monotone, as
// weights change their bins: of several crossings one is found.
Result<float> LikeBoundFinder::Search(uint64_t finite, float largest,
                                      const ErrorAt& error_at) const {
  constexpr int kGuesses = 5;
  constexpr int kMostSteps = 200;  // enough to halve the whole range of float32
  if (!(codec_error_ > 0)) return 0.0f;
  float low = 0;         // its error is not above the codec's
  float high = largest;  // above, or all weights become 0 already
  EBB_TRY_ASSIGN(const double error_of_zeros, error_at(high));
  if (error_of_zeros <= codec_error_) return high;
  double guess = std::sqrt(3 * codec_error_ / static_cast<double>(finite));
  for (int step = 0; step < kMostSteps; ++step) {
    const double wide = static_cast<double>(high);
    const double narrow = static_cast<double>(low);
    if (wide <= narrow * (1 + kPrecision)) break;
    if (step >= kGuesses || !(guess > narrow && guess < wide)) {
      guess = low > 0 ? std::sqrt(narrow * wide) : wide / 2;
    }
    const auto bound = static_cast<float>(guess);
    if (!(bound > low && bound < high)) break;
    EBB_TRY_ASSIGN(const double error, error_at(bound));
    const bool good = error <= codec_error_;
    (good ? low : high) = bound;
    const double nudge = good ? 1 + kPrecision / 4 : 1 - kPrecision / 4;
    guess = static_cast<double>(bound) * std::sqrt(codec_error_ / error) * nudge;
  }
  return low;
}

}  // namespace ebb
