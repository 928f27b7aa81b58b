#include "checkpoint/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/bytes.h"
#include "base/json.h"
#include "testing/temp_dir.h"

namespace ebb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kRejects = EBB_SOURCE_DIR "/tests/reject/safetensors";

std::string FileOf(std::string_view header, size_t data_bytes) {
  std::string file(8, '\0');
  StoreLe<uint64_t>(reinterpret_cast<std::byte*>(file.data()), header.size());
  return file + std::string(header) + std::string(data_bytes, 'x');
}

Result<std::vector<StoredTensor>> Read(const std::string& path) {
  EBB_TRY_ASSIGN(const File file, File::OpenForReading(path));
  return ReadSafetensorsHeader(file);
}

Result<std::vector<StoredTensor>> ReadBytes(const std::string& bytes) {
  const TempDir dir;
  return Read(dir.Write("f.safetensors", bytes));
}

TEST(Safetensors, TensorsComeInTheOrderOfTheirOffsets) {
  const std::string header =
      R"({"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},
          "__metadata__":{"format":"pt","note":"{}"},
          "a":{"data_offsets":[0,4],"shape":[2],"dtype":"BF16"},
          "none":{"dtype":"I64","shape":[0,7],"data_offsets":[28,28]},
          "scalar":{"dtype":"F8_E4M3","shape":[],"data_offsets":[28,29]}}   )";
  const std::vector<StoredTensor> tensors = ReadBytes(FileOf(header, 29)).value();
  const uint64_t data = 8 + header.size();
  ASSERT_EQ(tensors.size(), 4u);
  EXPECT_EQ(tensors[0].name, "a");
  EXPECT_EQ(tensors[0].dtype, "BF16");
  EXPECT_THAT(tensors[0].shape, ElementsAre(2));
  EXPECT_EQ(tensors[0].offset, data);
  EXPECT_EQ(tensors[0].bytes, 4u);
  EXPECT_EQ(tensors[1].name, "b");
  EXPECT_EQ(tensors[1].offset, data + 4);
  EXPECT_EQ(tensors[2].name, "none");
  EXPECT_EQ(tensors[2].bytes, 0u);
  EXPECT_EQ(tensors[3].name, "scalar");
  EXPECT_TRUE(tensors[3].shape.empty());
}

TEST(Safetensors, AFileWithoutTensorsIsWellFormed) {
  EXPECT_TRUE(ReadBytes(FileOf("{}", 0)).value().empty());
  EXPECT_TRUE(ReadBytes(FileOf(R"({"__metadata__":null}  )", 0)).value().empty());
}

TEST(Safetensors, EveryRejectNamesItsError) {
  const Json errors = ReadJsonFile(kRejects + "/errors.json", 1 << 20).value();
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(kRejects)) {
    if (entry.path().extension() == ".safetensors") files.insert(entry.path().filename().string());
  }
  ASSERT_EQ(files.size(), errors.size());
  for (const std::string& name : files) {
    const std::string path = kRejects + "/" + name;
    const Result<std::vector<StoredTensor>> tensors = Read(path);
    ASSERT_FALSE(tensors.has_value()) << name;
    EXPECT_EQ(tensors.error().code, ErrorCode::kCorrupt) << name;
    EXPECT_EQ(tensors.error().ToString(), path + ": " + errors.at(name).get<std::string>());
  }
}

TEST(Safetensors, EveryTruncationOfAFileIsRefused) {
  const std::string whole = FileOf(
      R"({"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[3],)"
      R"("data_offsets":[4,7]}})",
      7);
  ASSERT_TRUE(ReadBytes(whole).has_value());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ReadBytes(whole.substr(0, size)).has_value()) << size;
  }
}

TEST(Safetensors, NamesInErrorsStayOnOneShortLine) {
  EXPECT_EQ(QuotedName("a\nb\x7f"), "\"a\\x0ab\\x7f\"");
  EXPECT_EQ(QuotedName(std::string(1000, 'n')), "\"" + std::string(200, 'n') + "...\"");
}

}  // namespace
}  // namespace ebb
