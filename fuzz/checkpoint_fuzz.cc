// Any bytes as the model.safetensors (first byte even) or as the model.safetensors.index.json (odd)
// of a small Mixtral or DeepSeek-V3 folder: refused with an error, or every tensor can be read.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "unit/checkpoint/test_checkpoint.h"

namespace {

// A folder with a whole checkpoint in shards, but for the index and model.safetensors.
struct Folder {
  explicit Folder(std::string_view config) {
    ebb::TestCheckpoint(config).Write(dir, 400);
    unlink(dir.Path("model.safetensors.index.json").c_str());
  }
  ebb::TempDir dir;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ebb;
  static const Folder mixtral(kSmallMixtral), deepseek(kSmallDeepseek);
  if (size == 0) return 0;
  const TempDir& dir = (data[0] & 2) != 0 ? deepseek.dir : mixtral.dir;
  const char* name = (data[0] & 1) != 0 ? "model.safetensors.index.json" : "model.safetensors";
  const std::string path = dir.Write(name, {reinterpret_cast<const char*>(data) + 1, size - 1});
  const auto source = OpenCheckpoint(dir.path());
  if (source) {
    for (const TensorSpec& tensor : (*source)->tensors()) {
      const DType dtype = (*source)->DTypeOf(tensor).value();
      std::vector<std::byte> bytes(tensor.elements() * DTypeBytes(dtype));
      EBB_CHECK((*source)->ReadRows(tensor, 0, tensor.rows(), bytes));
    }
  } else if (!source.error().message.starts_with("bad JSON")) {
    EBB_CHECK(source.error().message.find('\n') == std::string::npos);
  }
  unlink(path.c_str());
  return 0;
}
