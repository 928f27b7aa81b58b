// ebb compress: a checkpoint becomes an .ebb file.
#include <memory>

#include "base/units.h"
#include "checkpoint/checkpoint.h"
#include "cli/command.h"
#include "pack/compress.h"
#include "pack/like_bound.h"
#include "packed/chunk_values.h"
#include "peers/codecs.h"

namespace ebb {
namespace {

constexpr uint64_t kMaxPlanBytes = 64 << 20;

struct Options {
  std::string checkpoint;
  std::string output;
  std::string bound = "rel:0.2";
  std::string scope = "expert";
  std::string codec = "ebb";
  std::string dense_bound = "lossless";
  std::string plan;
  int threads = 0;
  bool json = false;
  bool bound_given = false;
  bool dense_bound_given = false;
};

Result<CompressOptions> ParseOptions(const Options& options, const ModelConfig& config) {
  CompressOptions parsed;
  auto codec = FindCodec(options.codec);
  if (!codec) {
    return tl::unexpected(codec.error().code == ErrorCode::kInvalidArgument
                              ? ForOption(codec.error(), "--codec")
                              : codec.error());
  }
  const CodecInfo& info = (*codec)->info();
  if (info.kind == CodecKind::kNoise) {
    return UsageError("--codec", fmt::format("{} simulates a codec and cannot be stored; try it "
                                             "with `ebb codec roundtrip`",
                                             info.name));
  }
  if (info.name == kCodecEbbSmall) {
    parsed.setting = CodecSetting::kSmall;
  } else if (info.name != kCodecEbbFast) {
    parsed.peer = *codec;
  }
  auto scope = ParseBoundScope(options.scope);
  if (!scope) return tl::unexpected(ForOption(scope.error(), "--scope"));
  parsed.scope = *scope;
  if (parsed.peer != nullptr && parsed.scope == BoundScope::kRow) {
    return UsageError("--scope",
                      fmt::format("{} has one bound a matrix; write expert or tensor", info.name));
  }
  if (!options.plan.empty()) {
    EBB_TRY_ASSIGN(const Json json, ReadJsonFile(options.plan, kMaxPlanBytes));
    EBB_TRY(ReadBoundPlan(json, config, options.plan, &parsed.plan));
  }
  // What is typed goes before the plan's own default.
  if (options.plan.empty() || options.bound_given) {
    auto bound = ParseBoundOrLike(options.bound);
    if (!bound) return tl::unexpected(ForOption(bound.error(), "--bound"));
    parsed.plan.default_bound = *bound;
  }
  if (options.plan.empty() || options.dense_bound_given) {
    auto bound = ParseBoundOrLike(options.dense_bound);
    if (!bound) return tl::unexpected(ForOption(bound.error(), "--dense-bound"));
    parsed.plan.dense_bound = *bound;
  }
  if (parsed.peer != nullptr && parsed.plan.AsksForLike()) {
    return UsageError("--bound", fmt::format("like: is about Ebb's own quantizer; give {} a rel: "
                                             "or abs: bound",
                                             info.name));
  }
  EBB_TRY_ASSIGN(parsed.source_fingerprint, FingerprintFolder(options.checkpoint));
  return parsed;
}

// Figures that the report leads to.
struct Figures {
  double bits_per_weight;
  double entropy_bits;  // NaN if no expert has codes
  double ratio_vs_bf16;
  double rmse_over_mean_abs;
  double weights_per_second;
};

Figures Summarise(const CompressReport& report) {
  const EncodeStatistics& s = report.expert_statistics;
  const auto weights = static_cast<double>(s.weights);
  const auto finite = static_cast<double>(s.finite);
  Figures figures;
  figures.bits_per_weight = static_cast<double>(report.expert_bytes) * 8 / weights;
  figures.entropy_bits =
      s.entropy_weights == 0 ? NAN : s.entropy_bits / static_cast<double>(s.entropy_weights);
  figures.ratio_vs_bf16 = 16 / figures.bits_per_weight;
  figures.rmse_over_mean_abs = std::sqrt(s.squared_error / finite) / (s.magnitude_sum / finite);
  figures.weights_per_second = static_cast<double>(report.total_weights) / report.seconds;
  return figures;
}

std::string_view CodecName(const CompressOptions& options) {
  if (options.peer != nullptr) return options.peer->info().name;
  return options.setting == CodecSetting::kFast ? kCodecEbbFast : kCodecEbbSmall;
}

void PrintReport(const Options& options, const CompressOptions& parsed,
                 const CompressReport& report) {
  const Figures figures = Summarise(report);
  const EncodeStatistics& s = report.expert_statistics;
  if (options.json) {
    OrderedJson json;
    json["file"] = options.output;
    json["codec"] = CodecName(parsed);
    json["bound"] = parsed.plan.default_bound.ToString();
    json["scope"] = options.scope;
    json["dense_bound"] = parsed.plan.dense_bound.ToString();
    json["experts"] = report.experts;
    json["weights"] = s.weights;
    json["expert_bytes"] = report.expert_bytes;
    json["file_bytes"] = report.file_bytes;
    json["bits_per_weight"] = FiniteOrNull(figures.bits_per_weight);
    json["entropy_bits_per_weight"] = FiniteOrNull(figures.entropy_bits);
    json["ratio_vs_bf16"] = FiniteOrNull(figures.ratio_vs_bf16);
    json["max_error_over_bound"] = FiniteOrNull(s.max_error_over_bound);
    json["rmse_over_mean_abs"] = FiniteOrNull(figures.rmse_over_mean_abs);
    json["resumed_groups"] = report.resumed_groups;
    json["seconds"] = report.seconds;
    json["weights_per_second"] = FiniteOrNull(figures.weights_per_second);
    PrintJson(json);
    return;
  }
  if (report.resumed_groups > 0) {
    fmt::print("went on after {} groups of an interrupted run\n", report.resumed_groups);
  }
  fmt::print("{}: {} ({} with {} routed experts of {} weights)\n", options.output,
             FormatSize(report.file_bytes), FormatSize(report.expert_bytes),
             FormatCount(report.experts),
             FormatCount(s.weights / std::max<uint64_t>(1, report.experts)));
  fmt::print("experts at {}: {:.3f} bits a weight, {:.2f} x smaller than bf16",
             parsed.plan.default_bound.ToString(), figures.bits_per_weight, figures.ratio_vs_bf16);
  if (std::isfinite(figures.entropy_bits)) {
    fmt::print(", {:.3f} x the entropy of their codes ({:.3f} bits)",
               figures.bits_per_weight / figures.entropy_bits, figures.entropy_bits);
  }
  fmt::print("\nlargest error {:.4f} x the bound, RMS error {:.4f} x mean|w|\n",
             s.max_error_over_bound, figures.rmse_over_mean_abs);
  fmt::print("{} weights in {}: {:.0f} million a second\n", FormatCount(report.total_weights),
             FormatSeconds(report.seconds), figures.weights_per_second / 1e6);
}

Result<int> Run(const Options& options) {
  EBB_TRY_ASSIGN(const auto source, OpenCheckpoint(options.checkpoint));
  EBB_TRY_ASSIGN(CompressOptions parsed, ParseOptions(options, source->config()));
  const ThreadPool threads(options.threads);
  Result<CompressReport> report;
  {
    ProgressBar bar("compress");
    parsed.progress = bar.sink();
    report = Compress(*source, options.output, parsed, threads);
  }
  EBB_TRY(report);
  PrintReport(options, parsed, *report);
  return kExitDone;
}

}  // namespace

void AddCompress(CLI::App& app, CommandBody& body) {
  CLI::App* command =
      app.add_subcommand("compress", "Make an .ebb file of a Hugging Face checkpoint");
  const auto options = std::make_shared<Options>();
  command
      ->add_option("CHECKPOINT", options->checkpoint, "Folder with config.json and *.safetensors")
      ->required();
  command->add_option("-o,--output", options->output, "The .ebb file to write")
      ->required()
      ->type_name("FILE");
  CLI::Option* bound =
      command
          ->add_option("--bound", options->bound,
                       "Error bound of routed experts: rel:R (R x mean|w|), abs:E, lossless, or "
                       "like:rtn4 (the largest whose RMS error is not above Q4_0's; rtn8, rtn3, "
                       "rtn2, nf4, too)")
          ->capture_default_str()
          ->type_name("BOUND");
  command
      ->add_option("--scope", options->scope, "Weights that share one mean: expert, tensor or row")
      ->capture_default_str()
      ->type_name("SCOPE");
  command->add_option("--codec", options->codec, "Codec of routed experts")
      ->capture_default_str()
      ->type_name("CODEC");
  CLI::Option* dense_bound =
      command
          ->add_option("--dense-bound", options->dense_bound,
                       "Error bound of the other matrices; vectors (norms) are always lossless")
          ->capture_default_str()
          ->type_name("BOUND");
  command->add_option("--plan", options->plan, "JSON file with bounds by layer and expert")
      ->type_name("FILE");
  AddThreadsOption(*command, &options->threads);
  AddJsonFlag(*command, &options->json);
  command->callback([options, bound, dense_bound, &body] {
    options->bound_given = bound->count() > 0;
    options->dense_bound_given = dense_bound->count() > 0;
    body = [options] { return Run(*options); };
  });
}

}  // namespace ebb
