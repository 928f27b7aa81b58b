// What the commands of the program share: how they are registered, and how they speak.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"

namespace ebb {

// Exit codes (the command line's contract).
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitCheckFailed = 3;

// The body of the chosen command; returns its exit code. Set while the arguments are parsed.
using CommandBody = std::function<Result<int>()>;

// Each registers one command with its options.
void AddCompress(CLI::App& app, CommandBody& body);
void AddInspect(CLI::App& app, CommandBody& body);
void AddVerify(CLI::App& app, CommandBody& body);
void AddDecompress(CLI::App& app, CommandBody& body);
void AddRun(CLI::App& app, CommandBody& body);
void AddLogits(CLI::App& app, CommandBody& body);
void AddTokenize(CLI::App& app, CommandBody& body);
void AddCodec(CLI::App& app, CommandBody& body);
void AddGrade(CLI::App& app, CommandBody& body);
void AddEval(CLI::App& app, CommandBody& body);
void AddRouter(CLI::App& app, CommandBody& body);
void AddPlan(CLI::App& app, CommandBody& body);
void AddStudy(CLI::App& app, CommandBody& body);
void AddBench(CLI::App& app, CommandBody& body);
void AddHelp(CLI::App& app, CommandBody& body);
void AddBenchGemv(CLI::App& bench, CommandBody& body);
void AddBenchGenerate(CLI::App& bench, CommandBody& body);
void AddBenchStream(CLI::App& bench, CommandBody& body);

// Options that several commands have.
void AddJsonFlag(CLI::App& command, bool* json);
void AddThreadsOption(CLI::App& command, int* threads);

// An error in what the user typed (exit code 2), as opposed to one in what it was applied to.
[[nodiscard]] tl::unexpected<Error> UsageError(const std::string& option,
                                               const std::string& problem);
// Turns a parse error of an option's value into one.
[[nodiscard]] Error ForOption(Error error, const std::string& option);
[[nodiscard]] bool IsUsageError(const Error& error);

// Prints one JSON object and a newline on stdout.
void PrintJson(const OrderedJson& json);

// A bar on stderr while something long goes on; draws nothing unless stderr is a terminal. `what`
// names it.
class ProgressBar {
 public:
  explicit ProgressBar(std::string what);
  ~ProgressBar();  // wipes the bar
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  ProgressSink sink();

 private:
  void Draw(const Progress& progress);

  std::string what_;
  bool terminal_;
  bool drawn_ = false;
  double start_seconds_;
  double last_drawn_seconds_ = 0;
};

}  // namespace ebb
