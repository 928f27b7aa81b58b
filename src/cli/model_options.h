// The options of commands that run a model, and what they mean for the engine.
#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

#include "engine/engine.h"

namespace ebb {

struct ModelOptions {
  std::string model;
  std::string memory;
  std::string hot;
  std::string precision = "exact";
  int threads = 0;
};

void AddModelOptions(CLI::App& command, ModelOptions* options);

// The cap in bytes, or none.
[[nodiscard]] Result<std::optional<uint64_t>> MemoryCap(const ModelOptions& options);

// What --hot says, or nothing.
[[nodiscard]] Result<std::optional<uint64_t>> HotBytes(const ModelOptions& options);

// Refuses what is not there yet.
[[nodiscard]] Status CheckPrecision(const ModelOptions& options);

}  // namespace ebb
