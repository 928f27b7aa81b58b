// ebb decompress: an .ebb file becomes a checkpoint again.
#include <memory>

#include "base/units.h"
#include "cli/command.h"
#include "pack/decompress.h"

namespace ebb {
namespace {

struct Options {
  std::string file;
  std::string folder;
  std::string dtype = "f32";
  bool json = false;
};

Result<int> Run(const Options& options) {
  DecompressOptions parsed;
  parsed.bounded_dtype = options.dtype == "bf16" ? DType::kBf16 : DType::kF32;
  EBB_TRY_ASSIGN(const auto packed, PackedSource::Open(options.file));
  Result<DecompressReport> report;
  {
    ProgressBar bar("decompress");
    parsed.progress = bar.sink();
    report = Decompress(*packed, options.folder, parsed);
  }
  EBB_TRY(report);
  if (options.json) {
    OrderedJson json;
    json["folder"] = options.folder;
    json["tensors"] = report->tensors;
    json["bytes"] = report->bytes;
    json["dtype"] = options.dtype;
    PrintJson(json);
    return kExitDone;
  }
  fmt::print("{}: {} tensors, {}\n", options.folder, FormatCount(report->tensors),
             FormatSize(report->bytes));
  if (parsed.bounded_dtype == DType::kBf16) {
    fmt::print(
        "bounded tensors were rounded to bf16, which adds up to 0.4 % of a weight to its error; "
        "--dtype f32 keeps the bound\n");
  }
  return kExitDone;
}

}  // namespace

void AddDecompress(CLI::App& app, CommandBody& body) {
  CLI::App* command =
      app.add_subcommand("decompress", "Make a Hugging Face checkpoint of an .ebb file");
  const auto options = std::make_shared<Options>();
  command->add_option("FILE", options->file, "The .ebb file")->required();
  command->add_option("-o,--output", options->folder, "The folder to write")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--dtype", options->dtype,
                   "Of bounded tensors: f32 keeps the bound, bf16 rounds once more")
      ->capture_default_str()
      ->check(CLI::IsMember({"f32", "bf16"}));
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
