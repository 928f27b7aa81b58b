#include "pack/decompress.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/bytes.h"
#include "base/file.h"
#include "base/float16.h"
#include "base/json.h"
#include "checkpoint/safetensors_writer.h"

namespace ebb {
namespace {

constexpr uint64_t kRunWeights = 4 * 1024 * 1024;  // read and written at a time

Status MakeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return MakeError(ErrorCode::kIo, folder, "cannot make it: {}", error.message());
  for (const char* name : {"config.json", "model.safetensors", "model.safetensors.index.json"}) {
    if (FileExists(folder + "/" + name)) {
      return MakeError(ErrorCode::kInvalidArgument, folder, "already has a {}; name another folder",
                       name);
    }
  }
  return {};
}

// config.json as it was, but for the dtype that transformers would round weights to when it loads
// them.
Result<std::string> ConfigFor(const std::string& text, DType dtype, const std::string& where) {
  EBB_TRY(ParseJson(text, where));  // well-formed
  OrderedJson config = OrderedJson::parse(text, nullptr, false);
  for (const char* key : {"torch_dtype", "dtype"}) {
    if (config.contains(key)) config[key] = dtype == DType::kF32 ? "float32" : "bfloat16";
  }
  if (!config.contains("torch_dtype") && !config.contains("dtype")) {
    config["dtype"] = dtype == DType::kF32 ? "float32" : "bfloat16";
  }
  return config.dump(2) + "\n";
}

Status WriteSideFiles(const PackedSource& packed, const std::string& folder, bool any_bounded,
                      DType dtype) {
  for (const auto& [name, content] : packed.side_files()) {
    std::string text = content;
    if (name == "config.json" && any_bounded) {
      EBB_TRY_ASSIGN(text, ConfigFor(content, dtype, name));
    }
    EBB_TRY_ASSIGN(AtomicFile file, AtomicFile::Create(folder + "/" + name));
    EBB_TRY(file.Append(text));
    EBB_TRY(file.Commit());
  }
  return {};
}

}  // namespace

Result<DecompressReport> Decompress(const PackedSource& packed, const std::string& folder,
                                    const DecompressOptions& options) {
  EBB_TRY(MakeFolder(folder));
  std::vector<TensorToWrite> wanted;
  std::map<std::string, const TensorSpec*> specs;
  bool any_bounded = false;
  Progress progress;
  for (size_t i = 0; i < packed.tensors().size(); ++i) {
    const TensorSpec& tensor = packed.tensors()[i];
    EBB_TRY_ASSIGN(DType dtype, packed.DTypeOf(tensor));
    const bool bounded = packed.Record(i).bound_kind != 0;
    if (bounded) dtype = options.bounded_dtype;
    any_bounded |= bounded;
    wanted.push_back({tensor.name, dtype, tensor.shape});
    specs[tensor.name] = &tensor;
    progress.total += tensor.elements();
  }
  EBB_TRY_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::Create(folder, std::move(wanted)));
  DecompressReport report;
  std::vector<std::byte> bytes;
  for (const TensorToWrite& out : writer.tensors()) {
    const TensorSpec& tensor = *specs.at(out.name);
    EBB_TRY_ASSIGN(const DType dtype, packed.DTypeOf(tensor));
    const uint64_t rows_each = std::max<uint64_t>(1, kRunWeights / tensor.cols());
    for (uint64_t row = 0; row < tensor.rows(); row += rows_each) {
      const uint64_t rows = std::min(rows_each, tensor.rows() - row);
      const uint64_t count = rows * tensor.cols();
      bytes.resize(count * DTypeBytes(dtype));
      EBB_TRY(packed.ReadRows(tensor, row, rows, bytes));
      if (out.dtype == DType::kBf16 && dtype == DType::kF32) {
        // In place, front to back: the narrower word never overtakes the wider one.
        for (uint64_t i = 0; i < count; ++i) {
          StoreLe(bytes.data() + 2 * i, F32ToBf16(LoadLe<float>(bytes.data() + 4 * i)));
        }
        bytes.resize(count * 2);
      }
      EBB_TRY(writer.Append(bytes));
      report.bytes += bytes.size();
      progress.done += count;
      if (options.progress) options.progress(progress);
    }
    ++report.tensors;
  }
  // The side files first: a folder with weights is complete.
  EBB_TRY(WriteSideFiles(packed, folder, any_bounded, options.bounded_dtype));
  EBB_TRY(writer.Finish());
  return report;
}

}  // namespace ebb
