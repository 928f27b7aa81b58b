#include "cli/model_options.h"

#include "base/units.h"
#include "cli/command.h"

namespace ebb {

void AddModelOptions(CLI::App& command, ModelOptions* options) {
  command.add_option("MODEL", options->model, "An .ebb file, or a checkpoint folder")->required();
  command
      .add_option(
          "--memory", options->memory,
          "Hard cap on all that the model holds: weights, caches, KV cache, buffers, tokenizer")
      ->type_name("SIZE");
  command
      .add_option(
          "--hot", options->hot,
          "Of that, for weights that are kept decoded: faster, in twice the memory of encoded "
          "ones (default: what the cap leaves when all experts fit encoded)")
      ->type_name("SIZE");
  command
      .add_option("--precision", options->precision,
                  "exact: float32, the same result on every run; fast is not in this version")
      ->capture_default_str()
      ->check(CLI::IsMember({"exact", "fast"}));
  AddThreadsOption(command, &options->threads);
}

namespace {

Result<std::optional<uint64_t>> SizeOf(const std::string& text, const char* option) {
  if (text.empty()) return std::nullopt;
  auto bytes = ParseSize(text);
  if (!bytes) return tl::unexpected(ForOption(bytes.error(), option));
  return std::optional<uint64_t>(*bytes);
}

}  // namespace

Result<std::optional<uint64_t>> MemoryCap(const ModelOptions& options) {
  return SizeOf(options.memory, "--memory");
}

Result<std::optional<uint64_t>> HotBytes(const ModelOptions& options) {
  return SizeOf(options.hot, "--hot");
}

Status CheckPrecision(const ModelOptions& options) {
  if (options.precision == "exact") return {};
  return UsageError("--precision", "\"fast\" is not in this version; leave it out, or write exact");
}

}  // namespace ebb
