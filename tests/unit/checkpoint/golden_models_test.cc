// Reads the golden checkpoints, which Python's safetensors wrote, and compares every tensor with
// the checksum that the golden script took of it.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"

namespace ebb {
namespace {

const std::string kModels = EBB_SOURCE_DIR "/tests/golden/models";

std::vector<std::string> GoldenNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kModels)) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

uint64_t Checksum(const WeightSource& source, const TensorSpec& tensor) {
  const DType dtype = source.DTypeOf(tensor).value();
  std::vector<std::byte> bytes(tensor.elements() * DTypeBytes(dtype));
  // In two pieces, so that row offsets count.
  const uint64_t first = tensor.rows() / 2;
  const uint64_t first_bytes = first * tensor.cols() * DTypeBytes(dtype);
  EXPECT_TRUE(source.ReadRows(tensor, 0, first, std::span(bytes).first(first_bytes)));
  EXPECT_TRUE(
      source.ReadRows(tensor, first, tensor.rows() - first, std::span(bytes).subspan(first_bytes)));
  return Xxh3(bytes);
}

class GoldenModel : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenModel, EveryTensorIsWhatPythonWrote) {
  const std::string folder = kModels + "/" + GetParam();
  const Json golden = ReadJsonFile(folder + "/golden.json", 1 << 20).value();
  auto source = OpenCheckpoint(folder);
  ASSERT_TRUE(source.has_value()) << source.error().ToString();
  EXPECT_TRUE((*source)->side_files().contains("config.json"));

  const Json& expected = golden.at("tensors");
  const std::vector<TensorSpec>& tensors = (*source)->tensors();
  ASSERT_EQ(tensors.size(), expected.size());
  for (const TensorSpec& tensor : tensors) {
    ASSERT_TRUE(expected.contains(tensor.name)) << tensor.name;
    const Json& known = expected.at(tensor.name);
    EXPECT_EQ(known.at("shape"), Json(tensor.shape)) << tensor.name;
    EXPECT_EQ(known.at("dtype"), DTypeName((*source)->DTypeOf(tensor).value())) << tensor.name;
    EXPECT_EQ(known.at("xxh3"), fmt::format("{:016x}", Checksum(**source, tensor))) << tensor.name;
  }
}

TEST_P(GoldenModel, ManyThreadsMayReadAtOnce) {
  const auto source = OpenCheckpoint(kModels + "/" + GetParam()).value();
  const std::vector<TensorSpec>& tensors = source->tensors();
  std::vector<uint64_t> alone, together(tensors.size() * 4);
  for (const TensorSpec& tensor : tensors) alone.push_back(Checksum(*source, tensor));
  std::vector<std::thread> threads;
  for (size_t first = 0; first < together.size(); first += tensors.size()) {
    threads.emplace_back([&, first] {
      for (size_t i = 0; i < tensors.size(); ++i) {
        together[first + i] = Checksum(*source, tensors[i]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < together.size(); ++i) EXPECT_EQ(together[i], alone[i % tensors.size()]);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenModel, ::testing::ValuesIn(GoldenNames()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace ebb
