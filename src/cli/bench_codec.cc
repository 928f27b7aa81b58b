// ebb bench codec: every codec on the same weights: size, error and speed, beside what bounds them.
#include <memory>

#include "base/file.h"
#include "cli/codec_bench_report.h"
#include "cli/command.h"
#include "peers/codecs.h"

namespace ebb {
namespace {

struct Options {
  std::string input = "synthetic";
  std::vector<double> rates = {0.01, 0.05, 0.1, 0.2, 0.4, 0.8};
  std::vector<std::string> codecs;
  int runs = 5;
  std::string csv;
  std::string plot;
  bool json = false;
};

// The codecs to measure: those named, or all that are here and have a size. `missing` says why
// others are not.
Result<std::vector<const Codec*>> ChooseCodecs(const std::vector<std::string>& names,
                                               std::vector<std::string>* missing) {
  std::vector<const Codec*> chosen;
  for (const std::string& name : names) {
    auto codec = FindCodec(name);
    if (!codec) {
      return tl::unexpected(codec.error().code == ErrorCode::kInvalidArgument
                                ? ForOption(codec.error(), "--codecs")
                                : codec.error());
    }
    if ((*codec)->info().kind == CodecKind::kNoise) {
      return UsageError("--codecs", fmt::format("{} is noise and has no size", name));
    }
    chosen.push_back(*codec);
  }
  if (!names.empty()) return chosen;
  for (const auto& codec : Codecs()) {
    const CodecInfo& info = codec->info();
    if (info.kind == CodecKind::kNoise) continue;
    if (info.available) {
      chosen.push_back(codec.get());
    } else {
      missing->push_back(fmt::format("{}: {}", info.name, info.reason));
    }
  }
  return chosen;
}

Status WriteText(const std::string& path, const std::string& text) {
  EBB_TRY_ASSIGN(AtomicFile file, AtomicFile::Create(path));
  EBB_TRY(file.Append(text));
  return file.Commit();
}

class Bench {
 public:
  Bench(const Options& options, std::vector<const Codec*> codecs) : options_(options) {
    for (const Codec* codec : codecs) {
      (codec->info().kind == CodecKind::kBounded ? bounded_ : fixed_).push_back(codec);
    }
  }

  void Measure(const BenchInput& input) {
    if (!bounded_.empty()) {
      for (const double rate : options_.rates)
        Add(MeasureCodecs(input, bounded_, rate, options_.runs, ram_));
    }
    if (!fixed_.empty()) Add(MeasureCodecs(input, fixed_, std::nullopt, options_.runs, ram_));
  }

  const std::vector<CodecFigures>& all() const { return all_; }

 private:
  void Add(const std::vector<CodecFigures>& figures) {
    for (const CodecFigures& one : figures) {
      all_.push_back(one);
      if (!options_.json) fmt::print("{}\n", CodecTableRow(one));
    }
    if (!options_.json) std::fflush(stdout);
  }

  const Options& options_;
  std::vector<const Codec*> bounded_;
  std::vector<const Codec*> fixed_;
  RamReader ram_;
  std::vector<CodecFigures> all_;
};

Result<int> Run(const Options& options) {
  std::vector<std::string> missing;
  EBB_TRY_ASSIGN(const auto codecs, ChooseCodecs(options.codecs, &missing));
  EBB_TRY_ASSIGN(const std::vector<BenchInput> inputs, LoadBenchInputs(options.input));
  if (!options.json) {
    fmt::print("{}; one core, medians of {} interleaved runs; Gweights/s\n\n{}\n", MachineName(),
               options.runs, CodecTableHead());
    std::fflush(stdout);
  }
  Bench bench(options, codecs);
  for (const BenchInput& input : inputs) bench.Measure(input);
  if (!options.csv.empty()) EBB_TRY(WriteText(options.csv, CodecFiguresToCsv(bench.all())));
  if (!options.plot.empty())
    EBB_TRY(WriteText(options.plot, PlotRateDistortion(inputs, bench.all())));
  if (!options.json) {
    if (!missing.empty()) fmt::print("\nNot measured:\n");
    for (const std::string& line : missing) fmt::print("  {}\n", line);
    return kExitDone;
  }
  OrderedJson json;
  json["machine"] = MachineName();
  json["runs"] = options.runs;
  json["results"] = OrderedJson::array();
  for (const CodecFigures& figures : bench.all())
    json["results"].push_back(CodecFiguresToJson(figures));
  json["not_measured"] = missing;
  PrintJson(json);
  return kExitDone;
}

}  // namespace

void AddBenchCodec(CLI::App& bench, CommandBody& body) {
  CLI::App* command =
      bench.add_subcommand("codec", "Size, error and speed of the codecs beside their limits");
  const auto options = std::make_shared<Options>();
  command
      ->add_option("--input", options->input, "A .npy file, a checkpoint folder, or \"synthetic\"")
      ->capture_default_str();
  command->add_option("--rates", options->rates, "Error bounds, in units of mean|w|")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->delimiter(',');
  command->add_option("--codecs", options->codecs, "Only these (default: all that are available)")
      ->delimiter(',');
  command->add_option("--runs", options->runs, "Runs of which the median counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_option("--csv", options->csv, "Also write the table as CSV")->type_name("FILE");
  command->add_option("--plot", options->plot, "Also draw error over size, as SVG")
      ->type_name("FILE");
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

void AddBench(CLI::App& app, CommandBody& body) {
  CLI::App* command =
      app.add_subcommand("bench", "Measure this machine, every figure beside its physical limit");
  command->require_subcommand(1);
  AddBenchCodec(*command, body);
  AddBenchGemv(*command, body);
  AddBenchStream(*command, body);
  AddBenchGenerate(*command, body);
}

}  // namespace ebb
