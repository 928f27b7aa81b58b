#include "cli/command.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "base/units.h"

namespace ebb {
namespace {

// Where a usage error says so; such an error names an option in `where`.
constexpr char kUsagePrefix[] = "--";

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void AddJsonFlag(CLI::App& command, bool* json) {
  command.add_flag("--json", *json, "Print one JSON object on stdout");
}

void AddThreadsOption(CLI::App& command, int* threads) {
  command.add_option("--threads", *threads, "Threads to use (default: all processors)")
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
}

tl::unexpected<Error> UsageError(const std::string& option, const std::string& problem) {
  return MakeError(ErrorCode::kInvalidArgument, option, "{}", problem);
}

Error ForOption(Error error, const std::string& option) {
  error.code = ErrorCode::kInvalidArgument;
  error.where = option;
  return error;
}

bool IsUsageError(const Error& error) {
  return error.code == ErrorCode::kInvalidArgument && error.where.starts_with(kUsagePrefix);
}

void PrintJson(const OrderedJson& json) {
  // Text of models may hold invalid UTF-8; it is replaced rather than refused.
  const std::string text = json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  std::printf("%s\n", text.c_str());
}

ProgressBar::ProgressBar(std::string what)
    : what_(std::move(what)), terminal_(isatty(STDERR_FILENO) != 0), start_seconds_(Now()) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

ProgressSink ProgressBar::sink() {
  if (!terminal_) return {};
  return [this](const Progress& progress) { Draw(progress); };
}

void ProgressBar::Draw(const Progress& progress) {
  constexpr double kRedrawSeconds = 0.1;
  constexpr int kWidth = 32;
  const double now = Now();
  if (progress.total == 0 || now - last_drawn_seconds_ < kRedrawSeconds) return;
  last_drawn_seconds_ = now;
  drawn_ = true;
  const double share = static_cast<double>(progress.done) / static_cast<double>(progress.total);
  const double left = share > 0 ? (now - start_seconds_) * (1 - share) / share : 0;
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < static_cast<int>(share * kWidth) ? "█" : "░";
  const std::string text = fmt::format("\r{} {} {:3.0f} %  {} left \033[K", what_, bar, share * 100,
                                       FormatSeconds(left));
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace ebb
