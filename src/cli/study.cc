// ebb study: what error in experts does to accuracy, over many cells.
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "base/file.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/study_init.h"
#include "study/analysis.h"
#include "study/coordinator.h"
#include "study/inputs.h"
#include "study/report.h"
#include "study/results.h"
#include "study/status.h"
#include "study/store.h"
#include "study/study_file.h"
#include "study/tables.h"
#include "study/transport.h"

namespace ebb {
namespace {

struct RunOptions {
  std::string study;
  std::string memory;
  int threads = 0;
  bool json = false;
};

struct TablesOptions {
  std::string study;
  std::string out;
  bool json = false;
};

struct StatusOptions {
  std::string study;
  bool json = false;
  bool hash = false;
};

Result<StudyRunOptions> ForRun(const RunOptions& options) {
  StudyRunOptions run;
  run.threads = options.threads;
  if (!options.memory.empty()) {
    const auto bytes = ParseSize(options.memory);
    if (!bytes) return tl::unexpected(ForOption(bytes.error(), "--memory"));
    run.memory_cap_bytes = *bytes;
  }
  run.notice = [](const std::string& line) { std::fprintf(stderr, "ebb: %s\n", line.c_str()); };
  return run;
}

int Report(const RunOptions& options, const StudyRunSummary& summary) {
  if (options.json) {
    OrderedJson json;
    json["study"] = options.study;
    json["items"] = summary.items_total;
    json["items_measured"] = summary.items_measured;
    json["ranks"] = summary.ranks;
    json["workers"] = summary.workers;
    json["lost_ranks"] = summary.lost_ranks;
    json["seconds"] = summary.seconds;
    PrintJson(json);
  } else {
    fmt::print("{} of {} items measured by this run, in {}, with {} workers on {} ranks\n",
               FormatCount(summary.items_measured), FormatCount(summary.items_total),
               FormatSeconds(summary.seconds), summary.workers, summary.ranks);
  }
  return kExitDone;
}

Result<StudyInputs> LoadStudy(const std::string& path) {
  EBB_TRY_ASSIGN(StudyFile file, ReadStudyFile(path));
  return LoadStudyInputs(std::move(file));
}

// Ranks other than 0 say nothing: rank 0 names what they could not do.
Result<int> Serve(const RunOptions& options, const StudyRunOptions& run, Transport& transport) {
  const auto inputs = LoadStudy(options.study);
  Result<bool> served = false;
  if (inputs) {
    served = ServeStudy(*inputs, transport, run);
  } else {
    ReportUselessRank(transport, inputs.error(), run.silence_seconds);
    served = tl::unexpected(inputs.error());
  }
  transport.Close(!served || *served);
  return served ? kExitDone : kExitFailed;
}

Result<int> Lead(const RunOptions& options, StudyRunOptions run, Transport* transport) {
  const auto inputs = LoadStudy(options.study);
  if (!inputs) {
    if (transport != nullptr) DismissRanks(*transport);
    return tl::unexpected(inputs.error());
  }
  ProgressBar bar("measuring");
  run.progress = bar.sink();
  EBB_TRY_ASSIGN(const StudyRunSummary summary, RunStudy(*inputs, transport, run));
  const int code = Report(options, summary);
  std::fflush(nullptr);  // where ranks were lost, mpirun may end this process any moment
  if (transport != nullptr) transport->Close(!summary.lost_ranks.empty());
  return code;
}

Result<int> Run(const RunOptions& options) {
  EBB_TRY_ASSIGN(const StudyRunOptions run, ForRun(options));
  if (!StartedAsRank()) return Lead(options, run, nullptr);
  EBB_TRY_ASSIGN(const auto transport, MakeMpiTransport());
  if (transport->rank() > 0) return Serve(options, run, *transport);
  auto result = Lead(options, run, transport.get());
  if (!result) {
    // The others have been told to stop; MPI_Finalize might wait for one that never was heard of.
    std::fprintf(stderr, "ebb: %s\n", result.error().ToString().c_str());
    std::fflush(nullptr);
    transport->Close(true);
    _exit(IsUsageError(result.error()) ? kExitUsage : kExitFailed);
  }
  return result;
}

void PrintStatus(const StudyStatus& status) {
  fmt::print("{:<24}{:>14}{:>22}\n", "experiment", "cells done", "items done");
  for (const ExperimentStatus& experiment : status.experiments) {
    fmt::print("{:<24}{:>14}{:>22}\n", experiment.name,
               fmt::format("{} of {}", experiment.cells_done, experiment.cells),
               fmt::format("{} of {}", experiment.items_done, experiment.items));
  }
  fmt::print("{:<24}{:>14}{:>22}\n", "all, each cell once",
             fmt::format("{} of {}", status.cells_done, status.cells),
             fmt::format("{} of {}", status.items_done, status.items));
  if (status.items_done == status.items) {
    fmt::print("done, after {} of work by all workers\n", FormatSeconds(status.work_seconds));
  } else if (status.seconds_left) {
    fmt::print("about {} left with {} workers\n", FormatSeconds(*status.seconds_left),
               status.workers);
  }
  if (status.lost_ranks > 0) fmt::print("{} ranks have died so far\n", status.lost_ranks);
}

OrderedJson ToJson(const StudyStatus& status) {
  OrderedJson json;
  json["cells"] = status.cells;
  json["cells_done"] = status.cells_done;
  json["items"] = status.items;
  json["items_done"] = status.items_done;
  json["done"] = status.items_done == status.items;
  json["seconds_left"] = status.seconds_left ? FiniteOrNull(*status.seconds_left) : nullptr;
  json["work_seconds"] = status.work_seconds;
  json["workers"] = status.workers;
  json["runs"] = status.runs;
  json["lost_ranks"] = status.lost_ranks;
  json["experiments"] = OrderedJson::array();
  for (const ExperimentStatus& experiment : status.experiments) {
    OrderedJson entry;
    entry["name"] = experiment.name;
    entry["cells"] = experiment.cells;
    entry["cells_done"] = experiment.cells_done;
    entry["items"] = experiment.items;
    entry["items_done"] = experiment.items_done;
    json["experiments"].push_back(std::move(entry));
  }
  return json;
}

Result<int> ShowStatus(const StatusOptions& options) {
  EBB_TRY_ASSIGN(const StudyFile file, ReadStudyFile(options.study));
  EBB_TRY_ASSIGN(const auto database, OpenStudyDatabase(file.database));
  EBB_TRY_ASSIGN(const StudyStatus status, ReadStudyStatus(*database));
  std::string hash;
  if (options.hash) {
    EBB_TRY_ASSIGN(hash, ContentHash(*database));
  }
  if (options.json) {
    OrderedJson json = ToJson(status);
    if (options.hash) json["content_hash"] = hash;
    PrintJson(json);
  } else {
    PrintStatus(status);
    if (options.hash) fmt::print("content {}\n", hash);
  }
  return kExitDone;
}

// What a study's database holds at one moment.
Result<StudyResults> ReadResults(const std::string& study) {
  EBB_TRY_ASSIGN(const StudyFile file, ReadStudyFile(study));
  EBB_TRY_ASSIGN(const auto database, OpenStudyDatabase(file.database));
  return ReadStudyResults(*database);
}

Result<int> WriteTables(const TablesOptions& options) {
  EBB_TRY_ASSIGN(const StudyResults results, ReadResults(options.study));
  EBB_TRY_ASSIGN(const StudyAnalysis analysis, AnalyseStudy(results));
  EBB_TRY_ASSIGN(const auto tables, MakeStudyTables(results, analysis));
  EBB_TRY(WriteStudyTables(tables, options.out));
  const CheckCounts checks = analysis.CountChecks();
  if (options.json) {
    OrderedJson json;
    json["folder"] = options.out;
    json["tables"] = OrderedJson::array();
    for (const StudyTable& table : tables) json["tables"].push_back(table.name);
    json["arms"] = analysis.arms.size();
    json["contrasts"] = analysis.contrasts.size();
    json["null_checks"] = checks.all();
    json["null_checks_failed"] = checks.failed();
    json["null_checks_unfinished"] = checks.unfinished();
    PrintJson(json);
  } else {
    fmt::print("{}: {} tables, {} arms, {} contrasts\n", options.out, tables.size(),
               analysis.arms.size(), analysis.contrasts.size());
    fmt::print("{} of {} checks that must come out null did not, {} are not measured yet\n",
               checks.failed(), checks.all(), checks.unfinished());
  }
  return kExitDone;
}

struct ReportOptions {
  std::string study;
  std::string out;
  bool json = false;
};

// The page last: whoever sees it finds the tables that it links to.
Result<int> WriteReport(const ReportOptions& options) {
  EBB_TRY_ASSIGN(const StudyResults results, ReadResults(options.study));
  EBB_TRY_ASSIGN(const StudyAnalysis analysis, AnalyseStudy(results));
  EBB_TRY_ASSIGN(const auto tables, MakeStudyTables(results, analysis));
  EBB_TRY_ASSIGN(const std::string page, RenderReport(results, analysis));
  EBB_TRY(WriteStudyTables(tables, options.out));
  const std::string path = options.out + "/report.html";
  EBB_TRY_ASSIGN(AtomicFile out, AtomicFile::Create(path));
  EBB_TRY(out.Append(page));
  EBB_TRY(out.Commit());
  if (options.json) {
    OrderedJson json;
    json["file"] = path;
    json["bytes"] = page.size();
    json["tables"] = OrderedJson::array();
    for (const StudyTable& table : tables) json["tables"].push_back(table.name);
    PrintJson(json);
  } else {
    fmt::print("{}: {}, with {} tables beside it\n", path, FormatSize(page.size()), tables.size());
  }
  return kExitDone;
}

void AddStudyReport(CLI::App& study, CommandBody& body) {
  CLI::App* command = study.add_subcommand("report", "Write one HTML page, and the tables as CSV");
  const auto options = std::make_shared<ReportOptions>();
  command->add_option("STUDY", options->study, "The study file")->required();
  command->add_option("-o,--output", options->out, "The folder to write into")
      ->required()
      ->type_name("DIR");
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return WriteReport(*options); }; });
}

void AddStudyTables(CLI::App& study, CommandBody& body) {
  CLI::App* command = study.add_subcommand("tables", "Write the statistics as CSV files");
  const auto options = std::make_shared<TablesOptions>();
  command->add_option("STUDY", options->study, "A study file (TOML)")->required();
  command->add_option("-o,--out", options->out, "The folder for them")
      ->required()
      ->type_name("DIR");
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return WriteTables(*options); }; });
}

void AddStudyRun(CLI::App& study, CommandBody& body) {
  CLI::App* command = study.add_subcommand(
      "run",
      "Measure what is not measured yet; may be killed and started again, and started as "
      "many ranks by mpirun or srun");
  const auto options = std::make_shared<RunOptions>();
  command->add_option("STUDY", options->study, "A study file (TOML)")->required();
  command->add_option("--memory", options->memory, "Hard cap on what a process' models hold")
      ->type_name("SIZE");
  AddThreadsOption(*command, &options->threads);
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

void AddStudyStatus(CLI::App& study, CommandBody& body) {
  CLI::App* command =
      study.add_subcommand("status", "How far a study has come, and how long the rest takes");
  const auto options = std::make_shared<StatusOptions>();
  command->add_option("STUDY", options->study, "A study file (TOML)")->required();
  command->add_flag("--hash", options->hash,
                    "Also a hash of the results: equal for equal results, whatever the order");
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return ShowStatus(*options); }; });
}

}  // namespace

void AddStudy(CLI::App& app, CommandBody& body) {
  CLI::App* study =
      app.add_subcommand("study", "What error in experts does to accuracy, over many cells");
  study->require_subcommand(1);
  AddStudyInit(*study, body);
  AddStudyRun(*study, body);
  AddStudyStatus(*study, body);
  AddStudyTables(*study, body);
  AddStudyReport(*study, body);
}

}  // namespace ebb
