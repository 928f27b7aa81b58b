// Size, error and speed of codecs on the same weights, beside what bounds them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/bench_inputs.h"
#include "cli/machine_limits.h"
#include "codec/codec.h"

namespace ebb {

// Weights a second on one core: the median of the runs, and (largest - smallest) / median.
struct BenchSpeed {
  double median = 0;
  double spread = 0;
};

// What only Ebb's own codecs do: chunks in cache to codes and to bf16, beside the rate at which the
// core reads bf16 weights from memory.
struct ChunkSpeeds {
  BenchSpeed encode;
  BenchSpeed to_codes;
  BenchSpeed to_bf16;
  BenchSpeed ram;
};

// One codec at one bound. Errors are over finite weights.
struct CodecFigures {
  std::string input;
  std::string codec;
  bool guaranteed = false;
  std::optional<double> rate;  // bound over mean|w|; none for codecs of a fixed width
  double bits = 0;             // a weight, all that decoding needs
  // At this rate, whatever the codec: the codes' zeroth-order entropy, and the Shannon lower bound
  // h - log2(2e) of the law.
  std::optional<double> entropy;
  std::optional<double> shannon;
  std::optional<double> max_error_over_bound;
  double max_error_over_mean = 0;
  double rmse_over_mean = 0;
  BenchSpeed encode;
  BenchSpeed decode;  // to float32
  std::optional<ChunkSpeeds> chunks;
  std::string failure;  // why there are no figures, if it failed
};

// Measures `codecs` on one input: those that follow a bound at each of the rates, the others once.
// Sizes and errors are over all of it, speeds over its first scopes, with the runs of all codecs in
// turn.
[[nodiscard]] std::vector<CodecFigures> MeasureCodecs(const BenchInput& input,
                                                      const std::vector<const Codec*>& codecs,
                                                      std::optional<double> rate, int runs,
                                                      RamReader& ram);

}  // namespace ebb
