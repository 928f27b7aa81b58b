// The program: finds the command, runs it, turns its error into one line and an exit code.
#include <csignal>
#include <cstdio>

#include "base/version.h"
#include "cli/command.h"

namespace ebb {
namespace {

int Run(int argc, char** argv) {
  CLI::App app{
      "Runs Mixture-of-Experts models in less memory than they need, with error-bounded experts."};
  app.name("ebb");
  app.set_version_flag("--version", fmt::format("ebb {}", kVersion));
  app.require_subcommand(0, 1);
  app.failure_message(CLI::FailureMessage::simple);
  CommandBody body;
  AddCompress(app, body);
  AddInspect(app, body);
  AddVerify(app, body);
  AddDecompress(app, body);
  AddRun(app, body);
  AddLogits(app, body);
  AddTokenize(app, body);
  AddCodec(app, body);
  AddGrade(app, body);
  AddEval(app, body);
  AddRouter(app, body);
  AddPlan(app, body);
  AddStudy(app, body);
  AddBench(app, body);
  AddHelp(app, body);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version come here too, with exit code 0.
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  if (!body) {
    std::fputs(app.help().c_str(), stderr);
    return kExitUsage;
  }
  const Result<int> result = body();
  if (result) return *result;
  std::fprintf(stderr, "ebb: %s\n", result.error().ToString().c_str());
  return IsUsageError(result.error()) ? kExitUsage : kExitFailed;
}

}  // namespace
}  // namespace ebb

int main(int argc, char** argv) {
  std::signal(SIGXFSZ,
              SIG_IGN);  // a file size limit is an error of the write, not the end of the program
  return ebb::Run(argc, argv);
}
