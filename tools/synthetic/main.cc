// ebb_synthetic: writes a checkpoint of a real model's shapes with random weights.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <optional>

#include "base/file.h"
#include "base/memory.h"
#include "base/units.h"
#include "synthetic/presets.h"
#include "synthetic/write_checkpoint.h"

namespace ebb {
namespace {

struct Arguments {
  std::string model = "moonlight-16b-a3b";
  std::string config;
  std::optional<int> layers;
  std::string router = "random";
  std::string output;
  int threads = 0;
  SyntheticOptions options;
};

Result<double> ZipfExponent(const std::string& router) {
  if (router == "random") return 0;
  double exponent = 0;
  int used = 0;
  if (std::sscanf(router.c_str(), "zipf:%lf%n", &exponent, &used) == 1 &&
      static_cast<size_t>(used) == router.size() && exponent > 0 && exponent <= 4) {
    return exponent;
  }
  return MakeError(ErrorCode::kInvalidArgument, "--router",
                   "\"{}\" is neither random nor zipf:S with S above 0 and up to 4", router);
}

Result<OrderedJson> ConfigOf(const Arguments& arguments) {
  if (arguments.config.empty()) return PresetConfig(arguments.model, arguments.layers);
  EBB_TRY_ASSIGN(const Json json, ReadJsonFile(arguments.config, uint64_t{16} << 20));
  OrderedJson config = OrderedJson::parse(json.dump());
  if (arguments.layers) config["num_hidden_layers"] = *arguments.layers;
  return config;
}

Status Run(Arguments& arguments) {
  EBB_TRY_ASSIGN(arguments.options.zipf_exponent, ZipfExponent(arguments.router));
  EBB_TRY_ASSIGN(const OrderedJson config, ConfigOf(arguments));
  const ThreadPool threads(arguments.threads);
  EBB_TRY_ASSIGN(const SyntheticReport report,
                 WriteSyntheticCheckpoint(config, arguments.output, arguments.options, threads));
  fmt::print("{}: {} weights in {}, {:.2f} GB/s with {} threads, at most {} resident\n",
             arguments.output, FormatCount(report.weights), FormatSeconds(report.seconds),
             2e-9 * static_cast<double>(report.weights) / report.seconds, threads.threads(),
             FormatSize(PeakRssBytes()));
  return {};
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app{"Writes a checkpoint of a real model's shapes with random weights."};
  app.add_option("--model", arguments.model, "Whose shapes")
      ->check(CLI::IsMember(PresetNames()))
      ->capture_default_str();
  app.add_option("--config", arguments.config, "A config.json instead of --model");
  app.add_option("--layers", arguments.layers, "Only the first N layers");
  app.add_option("--seed", arguments.options.seed, "Of all weights")->capture_default_str();
  app.add_option("--router", arguments.router,
                 "random: experts are chosen equally often; zipf:S: by Zipf's law")
      ->capture_default_str();
  app.add_option("--threads", arguments.threads, "0: all processors")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("-o,--output", arguments.output, "The checkpoint's folder")->required();
  CLI11_PARSE(app, argc, argv);
  const Status status = Run(arguments);
  if (status) return 0;
  std::fprintf(stderr, "ebb_synthetic: %s\n", status.error().ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace ebb

int main(int argc, char** argv) { return ebb::Main(argc, argv); }
