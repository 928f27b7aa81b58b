// ebb help [COMMAND]: what the program does, or one of its commands.
#include <cstdio>
#include <memory>
#include <vector>

#include "cli/command.h"

namespace ebb {
namespace {

// CLI11's own help() speaks of the command that was given, which here is `help` itself.
void PrintHelp(const CLI::App& app, const std::string& name) {
  std::fputs(app.get_formatter()->make_help(&app, name, CLI::AppFormatMode::Normal).c_str(),
             stdout);
}

Result<int> Help(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  std::string name = app.get_name();
  for (const std::string& word : words) {
    const auto found =
        command->get_subcommands([&](const CLI::App* of) { return of->get_name() == word; });
    if (found.empty()) {
      std::fprintf(stderr, "ebb: %s has no command \"%s\": %s --help lists them\n", name.c_str(),
                   word.c_str(), name.c_str());
      return kExitUsage;
    }
    command = found.front();
    name += " " + word;
  }
  PrintHelp(*command, name);
  return kExitDone;
}

}  // namespace

void AddHelp(CLI::App& app, CommandBody& body) {
  CLI::App* command = app.add_subcommand("help", "Print this, or the help of a command");
  const auto words = std::make_shared<std::vector<std::string>>();
  command->add_option("COMMAND", *words, "As in: ebb help study run");
  command->callback([&app, words, &body] { body = [&app, words] { return Help(app, *words); }; });
}

}  // namespace ebb
