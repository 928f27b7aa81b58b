#include "checkpoint/safetensors_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "base/bytes.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"
#include "testing/temp_dir.h"

namespace ebb {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

uint64_t BytesOf(const TensorToWrite& tensor) {
  uint64_t bytes = DTypeBytes(tensor.dtype);
  for (const uint64_t size : tensor.shape) bytes *= size;
  return bytes;
}

// The elements of a tensor in these tests: its name, over and over.
std::string ContentOf(const TensorToWrite& tensor) {
  std::string content;
  while (content.size() < BytesOf(tensor)) content += tensor.name;
  content.resize(BytesOf(tensor));
  return content;
}

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

Status WriteAll(SafetensorsWriter& writer) {
  for (const TensorToWrite& tensor : writer.tensors()) {
    EBB_TRY(writer.Append(Bytes(ContentOf(tensor))));
  }
  return writer.Finish();
}

std::vector<std::string> FilesIn(const TempDir& dir) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

// Name -> content of all tensors in a file, whose elements must be aligned to their size.
std::map<std::string, std::string> ReadBack(const std::string& path) {
  const File file = File::OpenForReading(path).value();
  std::map<std::string, std::string> contents;
  const std::vector<StoredTensor> tensors = ReadSafetensorsHeader(file).value();
  for (const StoredTensor& tensor : tensors) {
    const DType dtype = DTypeFromName(tensor.dtype).value();
    EXPECT_EQ(tensor.offset % DTypeBytes(dtype), 0u) << tensor.name;
    std::string content(tensor.bytes, '\0');
    EXPECT_TRUE(file.ReadAt(tensor.offset, std::as_writable_bytes(std::span(content))));
    contents[tensor.name] = content;
  }
  return contents;
}

const std::vector<TensorToWrite> kTensors = {{"odd", DType::kBf16, {3}},
                                             {"wide", DType::kF32, {2, 2}},
                                             {"none", DType::kF16, {0, 5}},
                                             {"half", DType::kF16, {3, 1}},
                                             {"last \"quoted\"", DType::kF32, {1}}};

TEST(SafetensorsWriter, OneFile) {
  const TempDir dir;
  SafetensorsWriter writer = SafetensorsWriter::Create(dir.path(), kTensors).value();
  ASSERT_EQ(writer.tensors().size(), kTensors.size());
  EXPECT_EQ(writer.tensors()[0].name, "wide");  // float32 first
  ASSERT_TRUE(WriteAll(writer));
  EXPECT_THAT(FilesIn(dir), ElementsAre("model.safetensors"));
  const auto contents = ReadBack(dir.Path("model.safetensors"));
  ASSERT_EQ(contents.size(), kTensors.size());
  for (const TensorToWrite& tensor : kTensors) {
    EXPECT_EQ(contents.at(tensor.name), ContentOf(tensor));
  }
}

TEST(SafetensorsWriter, ShardsAndTheirIndex) {
  const TempDir dir;
  SafetensorsWriter writer = SafetensorsWriter::Create(dir.path(), kTensors, 12).value();
  ASSERT_TRUE(WriteAll(writer));
  EXPECT_THAT(
      FilesIn(dir),
      UnorderedElementsAre("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                           "model-00003-of-00003.safetensors", "model.safetensors.index.json"));
  const Json index = ReadJsonFile(dir.Path("model.safetensors.index.json"), 1 << 20).value();
  EXPECT_EQ(index["metadata"]["total_size"], 6 + 16 + 0 + 6 + 4);
  ASSERT_EQ(index["weight_map"].size(), kTensors.size());
  for (const TensorToWrite& tensor : kTensors) {
    const std::string file = index["weight_map"][tensor.name];
    EXPECT_EQ(ReadBack(dir.Path(file)).at(tensor.name), ContentOf(tensor));
  }
  // 6; 16 alone, larger than a shard, with what is empty; 6 + 4.
  EXPECT_EQ(index["weight_map"]["wide"], "model-00002-of-00003.safetensors");
  EXPECT_EQ(index["weight_map"]["half"], index["weight_map"]["last \"quoted\""]);
}

TEST(SafetensorsWriter, PiecesMayBeOfAnySize) {
  const TempDir dir;
  SafetensorsWriter writer = SafetensorsWriter::Create(dir.path(), kTensors, 10).value();
  std::string all;
  for (const TensorToWrite& tensor : writer.tensors()) all += ContentOf(tensor);
  for (size_t at = 0; at < all.size(); at += 5) {
    ASSERT_TRUE(writer.Append(Bytes(all.substr(at, 5))));
  }
  ASSERT_TRUE(writer.Finish());
  EXPECT_EQ(ReadBack(dir.Path("model-00002-of-00003.safetensors")).at("wide"), "widewidewidewide");
}

TEST(SafetensorsWriter, NothingStaysOfWhatIsNotFinished) {
  const TempDir dir;
  {
    SafetensorsWriter writer = SafetensorsWriter::Create(dir.path(), kTensors, 12).value();
    ASSERT_TRUE(writer.Append(Bytes("0123456789")));
    EXPECT_THAT(writer.Finish().error().ToString(), HasSubstr("was finished 12 bytes before"));
  }
  EXPECT_TRUE(FilesIn(dir).empty());
}

TEST(SafetensorsWriter, AFailureAtTheEndTakesAllShardsAway) {
  const TempDir dir;
  // The second shard cannot get its name: a folder has it.
  std::filesystem::create_directory(dir.Path("model-00002-of-00003.safetensors"));
  {
    SafetensorsWriter writer = SafetensorsWriter::Create(dir.path(), kTensors, 12).value();
    EXPECT_FALSE(WriteAll(writer));
  }
  EXPECT_THAT(FilesIn(dir), ElementsAre("model-00002-of-00003.safetensors"));
}

TEST(SafetensorsWriter, MistakesOfTheCaller) {
  const TempDir dir;
  const auto error = [&](std::vector<TensorToWrite> tensors) {
    return SafetensorsWriter::Create(dir.path(), std::move(tensors)).error().ToString();
  };
  EXPECT_THAT(error({{"a", DType::kF32, {1}}, {"a", DType::kF32, {1}}}),
              HasSubstr("the tensor \"a\" is given twice"));
  EXPECT_THAT(error({{"a", DType::kF32, {uint64_t{1} << 40, uint64_t{1} << 30}}}),
              HasSubstr("the tensor \"a\" is too large: [1099511627776, 1073741824]"));
  EXPECT_THAT(SafetensorsWriter::Create(dir.Path("none"), kTensors).error().ToString(),
              HasSubstr("cannot create"));
  SafetensorsWriter writer =
      SafetensorsWriter::Create(dir.path(), {{"a", DType::kF16, {1}}}).value();
  EXPECT_THAT(writer.Append(Bytes("abc")).error().ToString(), HasSubstr("1 more bytes"));
}

TEST(SafetensorsWriter, NoTensorsAreAFileToo) {
  const TempDir dir;
  SafetensorsWriter writer = SafetensorsWriter::Create(dir.path(), {}).value();
  ASSERT_TRUE(writer.Finish());
  EXPECT_TRUE(ReadBack(dir.Path("model.safetensors")).empty());
}

}  // namespace
}  // namespace ebb
