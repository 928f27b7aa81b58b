// Runs a shell command and gives back what it printed and how it ended.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <string>

namespace ebb {

struct ProcessResult {
  int exit_code = -1;  // 128 + signal if a signal ended it
  std::string output;  // stdout and what the command redirects there
};

inline ProcessResult RunShell(const std::string& command) {
  ProcessResult result;
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return result;
  char buffer[4096];
  for (size_t got; (got = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;)
    result.output.append(buffer, got);
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace ebb
