#include "cli/codec_bench_report.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/svg_plot.h"

namespace ebb {
namespace {

std::string Number(const std::optional<double>& value, int digits) {
  return value && std::isfinite(*value) ? fmt::format("{:.{}f}", *value, digits) : "-";
}

OrderedJson OrNull(const std::optional<double>& value) {
  return value ? FiniteOrNull(*value) : OrderedJson(nullptr);
}

// Text for a field of CSV.
std::string CsvField(const OrderedJson& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return value.dump();
  std::string quoted = "\"";
  for (const char c : value.get<std::string>()) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

// How a codec is drawn: a colour a family, a marker a variant.
PlotSeries SeriesOf(const std::string& codec) {
  const auto series = [&](PlotColour colour, PlotMarker marker, PlotLine line = PlotLine::kSolid) {
    return PlotSeries{codec, {}, colour, marker, line, false};
  };
  if (codec.starts_with("ebb:")) {
    const bool fast = codec == "ebb:fast";
    PlotSeries ebb = series(PlotColour::kBlue, fast ? PlotMarker::kCircle : PlotMarker::kSquare,
                            fast ? PlotLine::kSolid : PlotLine::kDashed);
    ebb.bold = true;
    return ebb;
  }
  if (codec == "sz3:nopred")
    return series(PlotColour::kRed, PlotMarker::kCircle, PlotLine::kDotted);
  if (codec == "sz3:lorenzo-reg")
    return series(PlotColour::kRed, PlotMarker::kSquare, PlotLine::kDashed);
  if (codec.starts_with("sz3")) return series(PlotColour::kRed, PlotMarker::kTriangle);
  if (codec == "cuszp:fixed") return series(PlotColour::kGreen, PlotMarker::kCircle);
  if (codec == "cuszp:plain")
    return series(PlotColour::kGreen, PlotMarker::kSquare, PlotLine::kDashed);
  if (codec.starts_with("cuszp"))
    return series(PlotColour::kGreen, PlotMarker::kCross, PlotLine::kDotted);
  if (codec == "zfp") return series(PlotColour::kPurple, PlotMarker::kDiamond);
  if (codec == "nf4") return series(PlotColour::kOrange, PlotMarker::kTriangle, PlotLine::kNone);
  // One family of points, one a width.
  PlotSeries rtn = series(PlotColour::kBlack, PlotMarker::kDiamond, PlotLine::kDotted);
  if (codec.starts_with("rtn")) rtn.name = "rtn 2, 3, 4, 8";
  return rtn;
}

// What no codec can beat at a maximum error e: h - log2(2e) bits (at an RMS error d, h - log2(d) -
// log2(2 pi e) / 2), drawn over the errors of the measured rates.
PlotSeries ShannonSeries(double entropy_bits, double mean, double low, double high, bool rms) {
  PlotSeries series{"Shannon bound",   {},   PlotColour::kGrey, PlotMarker::kNone,
                    PlotLine::kDashed, false};
  constexpr int kSteps = 40;
  for (int i = 0; i <= kSteps; ++i) {
    const double error = low * std::pow(high / low, static_cast<double>(i) / kSteps);
    const double cost =
        rms ? 0.5 * std::log2(2 * std::numbers::pi * std::numbers::e) + std::log2(error * mean)
            : std::log2(2 * error * mean);
    if (entropy_bits - cost >= 0) series.points.push_back({entropy_bits - cost, error});
  }
  return series;
}

// The series of a codec, made when it is first asked for.
PlotSeries& SeriesIn(PlotPanel& panel, const std::string& codec) {
  const PlotSeries look = SeriesOf(codec);
  const auto found = std::find_if(panel.series.begin(), panel.series.end(),
                                  [&](const PlotSeries& other) { return other.name == look.name; });
  return found != panel.series.end() ? *found : panel.series.emplace_back(look);
}

PlotPanel ErrorPanel(const BenchInput& input, const std::vector<CodecFigures>& all, bool rms) {
  PlotPanel panel;
  panel.title = input.name;
  panel.x_label = "bits a weight";
  panel.y_label = rms ? "RMS error / mean|w|" : "maximum error / mean|w|";
  panel.log_y = true;
  double low = INFINITY;
  double high = 0;
  for (const CodecFigures& figures : all) {
    if (figures.input != input.name || !figures.failure.empty()) continue;
    PlotSeries& series = SeriesIn(panel, figures.codec);
    const double error = rms ? figures.rmse_over_mean : figures.max_error_over_mean;
    series.points.push_back({figures.bits, error});
    if (figures.rate && error > 0) {
      low = std::min(low, error);
      high = std::max(high, error);
    }
  }
  for (PlotSeries& series : panel.series) std::sort(series.points.begin(), series.points.end());
  if (input.law_entropy_bits && low < high) {
    panel.series.insert(
        panel.series.begin(),
        ShannonSeries(*input.law_entropy_bits, input.mean_magnitude(), low, high, rms));
  }
  return panel;
}

// What a codec spends beyond what is needed: where the curves of the other panels lie upon each
// other.
PlotPanel ExcessPanel(const BenchInput& input, const std::vector<CodecFigures>& all) {
  PlotPanel panel;
  panel.title = input.name;
  panel.x_label = "bound / mean|w|";
  panel.y_label = input.law_entropy_bits ? "bits above the Shannon bound"
                                         : "bits above the entropy of the codes";
  panel.log_x = panel.log_y = true;
  for (const CodecFigures& figures : all) {
    if (figures.input != input.name || !figures.failure.empty() || !figures.rate) continue;
    const double least = figures.shannon.value_or(figures.entropy.value_or(0));
    SeriesIn(panel, figures.codec).points.push_back({*figures.rate, figures.bits - least});
  }
  return panel;
}

}  // namespace

std::string CodecTableHead() {
  return fmt::format(
      "{:<24} {:>5} {:<18} {:>8} {:>8} {:>8} {:>7} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7}",
      "weights", "rate", "codec", "bits/w", "entropy", "Shannon", "ratio", "max err/e", "max/mean",
      "RMS/mean", "encode", "decode", "codes", "bf16", "RAM");
}

std::string CodecTableRow(const CodecFigures& f) {
  const std::string rate = f.rate ? fmt::format("{}", *f.rate) : "-";
  if (!f.failure.empty()) {
    return fmt::format("{:<24} {:>5} {:<18} {}", f.input, rate, f.codec, f.failure);
  }
  const auto chunk_speed = [&](BenchSpeed ChunkSpeeds::*which) {
    return f.chunks ? Number((*f.chunks.*which).median / 1e9, 2) : std::string("-");
  };
  return fmt::format(
      "{:<24} {:>5} {:<18} {:>8.4f} {:>8} {:>8} {:>7} {:>9} {:>9.4f} {:>9.4f} {:>7} {:>7.3f} {:>7} "
      "{:>7} {:>7}",
      f.input, rate, f.codec, f.bits, Number(f.entropy, 4), Number(f.shannon, 4),
      f.entropy ? Number(f.bits / *f.entropy, 4) : "-", Number(f.max_error_over_bound, 6),
      f.max_error_over_mean, f.rmse_over_mean,
      Number((f.chunks ? f.chunks->encode : f.encode).median / 1e9, 3), f.decode.median / 1e9,
      chunk_speed(&ChunkSpeeds::to_codes), chunk_speed(&ChunkSpeeds::to_bf16),
      chunk_speed(&ChunkSpeeds::ram));
}

OrderedJson CodecFiguresToJson(const CodecFigures& f) {
  OrderedJson json;
  const bool ok = f.failure.empty();
  const auto if_ok = [&](double value) { return ok ? FiniteOrNull(value) : OrderedJson(nullptr); };
  const auto chunk = [&](BenchSpeed ChunkSpeeds::*which) {
    return f.chunks ? FiniteOrNull((*f.chunks.*which).median) : OrderedJson(nullptr);
  };
  const auto over_ram = [&](BenchSpeed ChunkSpeeds::*which) {
    return f.chunks ? FiniteOrNull((*f.chunks.*which).median / f.chunks->ram.median)
                    : OrderedJson(nullptr);
  };
  json["input"] = f.input;
  json["codec"] = f.codec;
  json["guaranteed"] = f.guaranteed;
  json["rate"] = OrNull(f.rate);
  json["bits_per_weight"] = if_ok(f.bits);
  json["entropy_bits_per_weight"] = OrNull(f.entropy);
  json["shannon_bits_per_weight"] = OrNull(f.shannon);
  json["bits_over_entropy"] = f.entropy ? if_ok(f.bits / *f.entropy) : OrderedJson(nullptr);
  json["max_error_over_bound"] = ok ? OrNull(f.max_error_over_bound) : OrderedJson(nullptr);
  json["max_error_over_mean_abs"] = if_ok(f.max_error_over_mean);
  json["rmse_over_mean_abs"] = if_ok(f.rmse_over_mean);
  json["encode_weights_per_second"] =
      f.chunks ? chunk(&ChunkSpeeds::encode) : if_ok(f.encode.median);
  json["encode_spread"] = if_ok(f.chunks ? f.chunks->encode.spread : f.encode.spread);
  json["decode_weights_per_second"] = if_ok(f.decode.median);
  json["decode_spread"] = if_ok(f.decode.spread);
  json["decode_codes_weights_per_second"] = chunk(&ChunkSpeeds::to_codes);
  json["decode_bf16_weights_per_second"] = chunk(&ChunkSpeeds::to_bf16);
  json["ram_bf16_weights_per_second"] = chunk(&ChunkSpeeds::ram);
  json["decode_codes_over_ram"] = over_ram(&ChunkSpeeds::to_codes);
  json["decode_bf16_over_ram"] = over_ram(&ChunkSpeeds::to_bf16);
  json["failure"] = ok ? OrderedJson(nullptr) : OrderedJson(f.failure);
  return json;
}

std::string CodecFiguresToCsv(const std::vector<CodecFigures>& all) {
  std::string csv;
  for (const CodecFigures& figures : all) {
    const OrderedJson json = CodecFiguresToJson(figures);
    if (csv.empty()) {
      for (const auto& [key, value] : json.items()) csv += (csv.empty() ? "" : ",") + key;
      csv += "\n";
    }
    std::string line;
    for (const auto& [key, value] : json.items()) {
      if (!line.empty()) line += ",";
      line += CsvField(value);
    }
    csv += line + "\n";
  }
  return csv;
}

std::string PlotRateDistortion(const std::vector<BenchInput>& inputs,
                               const std::vector<CodecFigures>& all) {
  Plot plot;
  plot.columns = 3;
  for (const BenchInput& input : inputs) {
    for (const bool rms : {true, false}) plot.panels.push_back(ErrorPanel(input, all, rms));
    plot.panels.push_back(ExcessPanel(input, all));
  }
  return RenderSvg(plot);
}

}  // namespace ebb
