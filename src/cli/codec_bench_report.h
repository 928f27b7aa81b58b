// What `ebb bench codec` found, as a table, JSON, CSV, and a rate-distortion plot.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "cli/codec_bench.h"

namespace ebb {

// Lines of the table, without a newline. Speeds are in Gweights/s.
[[nodiscard]] std::string CodecTableHead();
[[nodiscard]] std::string CodecTableRow(const CodecFigures& figures);

[[nodiscard]] OrderedJson CodecFiguresToJson(const CodecFigures& figures);

// One line a row of the table, with JSON's names; fields that do not apply are empty.
[[nodiscard]] std::string CodecFiguresToCsv(const std::vector<CodecFigures>& all);

// An SVG, a row of panels an input: RMS and maximum error over bits a weight, and bits above the
// Shannon bound (or the entropy, where the law is unknown) over the bound.
[[nodiscard]] std::string PlotRateDistortion(const std::vector<BenchInput>& inputs,
                                             const std::vector<CodecFigures>& all);

}  // namespace ebb
