#include "cli/codec_bench.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/bytes.h"
#include "base/stopwatch.h"
#include "codec/bound.h"
#include "codec/chunk_decoder.h"
#include "codec/quantizer.h"
#include "codec/statistics.h"
#include "codec/weights_codec.h"

namespace ebb {
namespace {

BenchSpeed SpeedOf(const std::vector<double>& values) {
  if (values.empty()) return {};
  const double median = MedianOf(values);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {median, (*high - *low) / median};
}

float BoundOf(const BenchScope& scope, std::optional<double> rate) {
  MagnitudeSum sum;
  sum.Add(scope.weights);
  return AbsoluteBound(ErrorBound::Relative(rate.value_or(1)), sum.Mean());
}

// Of the codes at this rate, mean over scopes by weight.
double EntropyBits(const BenchInput& input, double rate) {
  double bits = 0;
  for (const BenchScope& scope : input.scopes) {
    const float bound = BoundOf(scope, rate);
    if (bound == 0) continue;
    std::vector<int32_t> codes(scope.weights.size());
    std::vector<ChunkView::Exception> exceptions;
    Quantize(scope.weights, bound, 0, codes.data(), &exceptions);
    CodeHistogram histogram;
    histogram.Add(codes);
    bits += histogram.EntropyBits() * static_cast<double>(codes.size());
  }
  return bits / static_cast<double>(input.weights());
}

// One array of an input, with its bound.
struct Piece {
  ArrayView view;
  float bound;
};

std::vector<Piece> PiecesOf(const BenchInput& input, const Codec& codec,
                            std::optional<double> rate) {
  const bool own = codec.info().name.starts_with("ebb:");
  std::vector<Piece> pieces;
  for (const BenchScope& scope : input.scopes) {
    const float bound = BoundOf(scope, rate);
    for (const BenchArray& array : own ? scope.own_arrays : scope.arrays) {
      const auto values = std::span(scope.weights).subspan(array.first, array.rows * array.cols);
      pieces.push_back({{values, array.rows, array.cols}, bound});
    }
  }
  return pieces;
}

// Speeds of the first chunk of a stream of Ebb's own codecs.
class ChunkTimer {
 public:
  // `stream` is what the codec made of `piece`.
  ChunkTimer(const Piece& piece, CodecSetting setting, const std::vector<std::byte>& stream)
      : piece_(piece), encoder_(setting) {
    const size_t bytes = LoadLe<uint32_t>(stream.data() + offsetof(ChunkHeader, bytes));
    bytes_.assign(stream.begin(), stream.begin() + static_cast<ptrdiff_t>(bytes));
    bytes_.resize(bytes + kChunkSlackBytes);
    view_ = ParseChunk(std::span(bytes_).first(bytes)).value();
    const size_t elements = view_.header.elements;
    codes_ = AlignedArray<int16_t>(elements);
    halves_ = AlignedArray<uint16_t>(elements);
    repeats_ = std::max(1, static_cast<int>(4e6 / static_cast<double>(elements)));
  }

  bool has_codes() const { return view_.header.map == ValueMap::kCodes; }

  void Run(RamReader& ram) {
    ram_.push_back(ram.Measure() / 2);
    const ChunkDecoder& decoder = BestChunkDecoder();
    to_codes_.push_back(Rate([&] {
      if (view_.header.code_bytes == 1) {
        decoder.to_int8(view_, reinterpret_cast<int8_t*>(codes_.data()));
      } else if (view_.header.code_bytes == 2) {
        decoder.to_int16(view_, codes_.data());
      } else {
        wide_.resize(codes_.size());
        decoder.to_int32(view_, wide_.data());
      }
    }));
    to_bf16_.push_back(Rate([&] { (void)DecodeBf16(view_, halves_.data()); }));
    const auto weights = piece_.view.values.first(view_.header.elements);
    encode_.push_back(Rate([&] {
      again_.clear();
      encoder_.EncodeBounded(weights, {{&piece_.bound, 1}, 0},
                             static_cast<uint32_t>(piece_.view.cols), &again_);
    }));
  }

  ChunkSpeeds Speeds() const {
    return {SpeedOf(encode_), SpeedOf(to_codes_), SpeedOf(to_bf16_), SpeedOf(ram_)};
  }

 private:
  // From the cache: reading memory has just emptied it, so once before it counts.
  double Rate(const std::function<void()>& body) const {
    body();
    const double seconds = SecondsOf([&] {
      for (int i = 0; i < repeats_; ++i) body();
    });
    return repeats_ * static_cast<double>(codes_.size()) / seconds;
  }

  Piece piece_;
  std::vector<std::byte> bytes_;
  ChunkView view_;
  int repeats_ = 1;
  WeightsEncoder encoder_;
  AlignedArray<int16_t> codes_;
  std::vector<int32_t> wide_;
  AlignedArray<uint16_t> halves_;
  std::vector<std::byte> again_;
  std::vector<double> encode_, to_codes_, to_bf16_, ram_;
};

// One codec on one input: first all of it once, then its beginning again and again.
class CodecTimer {
 public:
  CodecTimer(const BenchInput& input, const Codec& codec, std::optional<double> rate)
      : codec_(codec), pieces_(PiecesOf(input, codec, rate)) {
    figures_.input = input.name;
    figures_.codec = codec.info().name;
    figures_.guaranteed = codec.info().guaranteed;
    figures_.rate = rate;
  }

  // Sizes and errors.
  void MeasureSize(double mean_magnitude) {
    double bytes = 0, squares = 0, weights = 0, max_error = 0, max_over_bound = 0;
    uint64_t finite = 0;
    std::vector<float> decoded;
    for (const Piece& piece : pieces_) {
      const auto encoded = codec_.Encode(piece.view, piece.bound, 0);
      if (!encoded) return Fail(encoded.error());
      decoded.resize(piece.view.values.size());
      const Status status = codec_.Decode(encoded->stream, piece.view.rows, piece.view.cols,
                                          piece.bound, decoded.data());
      if (!status) return Fail(status.error());
      bytes += static_cast<double>(encoded->stream.size() + encoded->side_bytes);
      weights += static_cast<double>(decoded.size());
      double worst = 0;
      for (size_t i = 0; i < decoded.size(); ++i) {
        if (!std::isfinite(piece.view.values[i])) continue;
        const double error = std::abs(double{decoded[i]} - double{piece.view.values[i]});
        worst = std::max(worst, std::isnan(error) ? INFINITY : error);
        squares += error * error;
        ++finite;
      }
      max_error = std::max(max_error, worst);
      if (worst > 0) max_over_bound = std::max(max_over_bound, worst / double{piece.bound});
      if (kept_weights_ < kTimedWeights) {
        kept_.push_back(std::move(encoded->stream));
        kept_weights_ += decoded.size();
      }
    }
    figures_.bits = bytes * 8 / weights;
    figures_.max_error_over_mean = max_error / mean_magnitude;
    figures_.rmse_over_mean = std::sqrt(squares / static_cast<double>(finite)) / mean_magnitude;
    if (figures_.rate) figures_.max_error_over_bound = max_over_bound;
    if (codec_.info().name.starts_with("ebb:")) {
      const bool fast = codec_.info().name == "ebb:fast";
      chunks_.emplace(pieces_[0], fast ? CodecSetting::kFast : CodecSetting::kSmall, kept_[0]);
      if (!chunks_->has_codes()) chunks_.reset();
    }
  }

  void Run(RamReader& ram) {
    if (!figures_.failure.empty()) return;
    std::vector<float> decoded;
    for (size_t i = 0; i < kept_.size(); ++i) {
      decoded.resize(std::max(decoded.size(), pieces_[i].view.values.size()));
    }
    encode_.push_back(static_cast<double>(kept_weights_) / SecondsOf([&] {
                        for (size_t i = 0; i < kept_.size(); ++i) {
                          (void)codec_.Encode(pieces_[i].view, pieces_[i].bound, 0);
                        }
                      }));
    decode_.push_back(static_cast<double>(kept_weights_) / SecondsOf([&] {
                        for (size_t i = 0; i < kept_.size(); ++i) {
                          const Piece& piece = pieces_[i];
                          (void)codec_.Decode(kept_[i], piece.view.rows, piece.view.cols,
                                              piece.bound, decoded.data());
                        }
                      }));
    if (chunks_) chunks_->Run(ram);
  }

  CodecFigures Figures() {
    figures_.encode = SpeedOf(encode_);
    figures_.decode = SpeedOf(decode_);
    if (chunks_) figures_.chunks = chunks_->Speeds();
    return figures_;
  }

 private:
  static constexpr uint64_t kTimedWeights = 2 << 20;

  void Fail(const Error& error) { figures_.failure = error.ToString(); }

  const Codec& codec_;
  std::vector<Piece> pieces_;
  CodecFigures figures_;
  std::vector<std::vector<std::byte>> kept_;  // streams of the first pieces
  uint64_t kept_weights_ = 0;
  std::vector<double> encode_, decode_;
  std::optional<ChunkTimer> chunks_;
};

}  // namespace

std::vector<CodecFigures> MeasureCodecs(const BenchInput& input,
                                        const std::vector<const Codec*>& codecs,
                                        std::optional<double> rate, int runs, RamReader& ram) {
  const double mean = input.mean_magnitude();
  std::vector<CodecTimer> timers;
  for (const Codec* codec : codecs) {
    timers.emplace_back(input, *codec, rate);
    timers.back().MeasureSize(mean);
  }
  for (int run = 0; run < runs; ++run) {
    for (CodecTimer& timer : timers) timer.Run(ram);
  }
  std::vector<CodecFigures> all;
  for (CodecTimer& timer : timers) {
    CodecFigures& figures = all.emplace_back(timer.Figures());
    if (!rate) continue;
    figures.entropy = EntropyBits(input, *rate);
    if (input.law_entropy_bits && mean > 0) {
      figures.shannon = *input.law_entropy_bits - std::log2(2 * *rate * mean);
    }
  }
  return all;
}

}  // namespace ebb
