// Files that earlier versions wrote are read for ever: each one's weights keep their checksums.
//
// A file here is never changed. When the format gets a new version, a file of it is added: its line
// in weights.json comes from what this test prints for an unknown file.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/hash.h"
#include "base/json.h"
#include "packed/packed_source.h"

namespace ebb {
namespace {

const std::string kFolder = std::string(EBB_SOURCE_DIR) + "/tests/golden/format";

// Over the float32 weights of all tensors, in their order.
std::string ChecksumOf(const PackedSource& packed) {
  std::vector<float> weights;
  for (const TensorSpec& tensor : packed.tensors()) {
    const DType dtype = packed.DTypeOf(tensor).value();
    std::vector<std::byte> stored(tensor.elements() * DTypeBytes(dtype));
    EXPECT_TRUE(packed.ReadRows(tensor, 0, tensor.rows(), stored).has_value()) << tensor.name;
    const size_t at = weights.size();
    weights.resize(at + tensor.elements());
    WidenToF32(dtype, stored.data(), tensor.elements(), weights.data() + at);
  }
  return fmt::format("{:016x}", Xxh3(std::as_bytes(std::span(weights))));
}

TEST(FormatGolden, EveryFileOfEveryVersionDecodesToTheSameWeights) {
  const Json want = ReadJsonFile(kFolder + "/weights.json", 1 << 20).value();
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".ebb") continue;
    const std::string name = entry.path().filename().string();
    const auto packed = PackedSource::Open(entry.path().string());
    ASSERT_TRUE(packed.has_value()) << packed.error().ToString();
    EXPECT_EQ(ChecksumOf(**packed), want.value(name, "unknown")) << name;
    ++files;
  }
  EXPECT_EQ(files, want.size());
}

}  // namespace
}  // namespace ebb
