// Running the program as a user does, for tests of its commands.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "testing/process.h"
#include "testing/temp_dir.h"

namespace ebb {

inline constexpr char kArith[] = EBB_SOURCE_DIR "/models/ebb-arith";

inline std::string Golden(const std::string& name) {
  return std::string(EBB_SOURCE_DIR) + "/tests/golden/models/" + name;
}

class CliTest : public ::testing::Test {
 protected:
  // stdout and stderr of `ebb ARGUMENTS`.
  ProcessResult Ebb(const std::string& arguments, const std::string& before = "") {
    return RunShell(before + EBB_BINARY " " + arguments + " 2>&1");
  }
  // What `ebb ARGUMENTS --json` prints on stdout, which must succeed.
  Json EbbJson(const std::string& arguments) {
    const ProcessResult result = RunShell(EBB_BINARY " " + arguments + " --json");
    EXPECT_EQ(result.exit_code, 0) << arguments;
    const Result<Json> json = ParseJson(result.output, "stdout");
    EXPECT_TRUE(json.has_value()) << result.output;
    return json.value_or(Json::object());
  }
  // A failure must be one line that says all of `parts`.
  void ExpectFailure(const std::string& arguments, int exit_code,
                     const std::vector<std::string>& parts, const std::string& before = "") {
    SCOPED_TRACE(arguments);
    const ProcessResult result = Ebb(arguments, before);
    EXPECT_EQ(result.exit_code, exit_code) << result.output;
    if (exit_code != 2) {
      EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
    }
    for (const std::string& part : parts) EXPECT_THAT(result.output, ::testing::HasSubstr(part));
  }
  std::string Packed(const std::string& model = "mixtral_plain", const std::string& options = "") {
    const std::string path = dir_.Path(model + ".ebb");
    EXPECT_EQ(Ebb("compress " + Golden(model) + " -o " + path + " " + options).exit_code, 0);
    return path;
  }
  std::vector<std::string> Listing() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  TempDir dir_;
};

}  // namespace ebb
