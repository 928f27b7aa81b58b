// ebb verify: checksums, and with the original every weight against its bound.
#include <memory>

#include "base/units.h"
#include "checkpoint/checkpoint.h"
#include "cli/command.h"
#include "pack/verify.h"

namespace ebb {
namespace {

struct Options {
  std::string file;
  std::string against;
  int threads = 0;
  bool json = false;
};

void PrintReport(const Options& options, const VerifyReport& report) {
  if (options.json) {
    OrderedJson json;
    json["ok"] = report.ok();
    json["chunks"] = report.chunks;
    json["bad_chunks"] = report.bad_chunks;
    json["elements"] = report.elements;
    json["violations"] = report.violations;
    json["max_error_over_bound"] = FiniteOrNull(report.max_error_over_bound);
    json["problems"] = report.problems;
    PrintJson(json);
    return;
  }
  for (const std::string& problem : report.problems) fmt::print("{}\n", problem);
  if (report.bad_chunks > 0) {
    fmt::print("{} of {} chunks are damaged: copy the file again, or make it anew\n",
               FormatCount(report.bad_chunks), FormatCount(report.chunks));
  } else {
    fmt::print("all {} chunks are whole\n", FormatCount(report.chunks));
  }
  if (options.against.empty()) return;
  if (report.violations > 0) {
    fmt::print("{} of {} weights are beyond their bound\n", FormatCount(report.violations),
               FormatCount(report.elements));
  } else {
    fmt::print(
        "all {} weights compared are within their bound; the largest error is {:.6f} of it\n",
        FormatCount(report.elements), report.max_error_over_bound);
  }
}

Result<int> Run(const Options& options) {
  EBB_TRY_ASSIGN(const auto packed, PackedSource::Open(options.file));
  std::unique_ptr<WeightSource> original;
  if (!options.against.empty()) {
    EBB_TRY_ASSIGN(original, OpenCheckpoint(options.against));
  }
  const ThreadPool threads(options.threads);
  Result<VerifyReport> report;
  {
    ProgressBar bar("verify");
    report = Verify(*packed, original.get(), threads, bar.sink());
  }
  EBB_TRY(report);
  PrintReport(options, *report);
  return report->ok() ? kExitDone : kExitCheckFailed;
}

}  // namespace

void AddVerify(CLI::App& app, CommandBody& body) {
  CLI::App* command =
      app.add_subcommand("verify", "Check an .ebb file, alone or against its checkpoint");
  const auto options = std::make_shared<Options>();
  command->add_option("FILE", options->file, "The .ebb file")->required();
  command->add_option("--against", options->against, "The checkpoint that it was made of")
      ->type_name("CHECKPOINT");
  AddThreadsOption(*command, &options->threads);
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
