#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <random>

#include "base/bytes.h"
#include "base/file.h"
#include "base/hash.h"
#include "container/reader.h"
#include "container/writer.h"
#include "testing/temp_dir.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

std::vector<std::byte> Payload(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

TensorRecord Tensor(const std::string& name, std::vector<uint64_t> shape) {
  TensorRecord tensor;
  tensor.name = name;
  tensor.dtype = 2;
  tensor.shape = std::move(shape);
  tensor.bound_kind = 2;
  tensor.bound_value = 0.2;
  tensor.bound_abs = 0.001f;
  return tensor;
}

// Writes group `g` of the test file: two tensors, three chunks.
void WriteGroup(ContainerWriter& writer, uint64_t g) {
  ASSERT_TRUE(writer.BeginGroup(g == 1));
  ASSERT_TRUE(writer.AppendChunk(Payload(100 + g, g), 32));
  ASSERT_TRUE(writer.AppendChunk(Payload(333, 100 + g), 32));
  ASSERT_TRUE(writer.AppendChunk(Payload(5, 200 + g), 16));
  ASSERT_TRUE(writer.EndGroup(
      {Tensor(fmt::format("a{}", g), {4, 16}), Tensor(fmt::format("b{}", g), {16})}));
}

void WriteAll(ContainerWriter& writer) {
  if (writer.side_files().empty()) {
    ASSERT_TRUE(writer.AddSideFile("config.json", "{\"x\": 1}"));
  }
  for (uint64_t g = writer.groups_written(); g < 4; ++g) WriteGroup(writer, g);
  ASSERT_TRUE(writer.Finish("{}", {"ebb:fast"}));
}

std::string FileContent(const std::string& path) {
  return ReadTextFile(path, uint64_t{1} << 30).value();
}

class ContainerTest : public ::testing::Test {
 protected:
  std::string WriteFile(const std::string& name) {
    const std::string path = dir_.Path(name);
    WriteAll(*ContainerWriter::Open(path, 1).value());
    return path;
  }

  TempDir dir_;
};

TEST_F(ContainerTest, GivesBackWhatWasWritten) {
  const auto reader = ContainerReader::Open(WriteFile("m.ebb")).value();
  const ContainerIndex& index = reader->index();
  ASSERT_EQ(index.groups.size(), 4u);
  EXPECT_EQ(index.tensors.size(), 8u);
  EXPECT_EQ(index.tensors[3].name, "b1");
  EXPECT_EQ(index.tensors[0].shape, (std::vector<uint64_t>{4, 16}));
  EXPECT_EQ(index.tensors[0].bound_value, 0.2);
  EXPECT_EQ(index.codecs, std::vector<std::string>{"ebb:fast"});
  EXPECT_EQ(index.groups[1].offset % kLargeGroupAlignment, 0u);
  EXPECT_EQ(reader->ReadSideFile(index.side_files[0]).value(), "{\"x\": 1}");
  ReadBuffer buffer;
  for (uint64_t g = 0; g < 4; ++g) {
    const auto bytes = reader->ReadGroup(index.groups[g], &buffer).value();
    EXPECT_EQ(bytes.size(), 100 + g + 333 + 5);
    const auto chunks = index.ChunksOf(index.groups[g]);
    const auto second = reader->ReadChunk(chunks[1], &buffer).value();
    EXPECT_EQ(std::vector<std::byte>(second.begin(), second.end()), Payload(333, 100 + g));
    EXPECT_EQ(chunks[2].first_element, 64u);
  }
}

TEST_F(ContainerTest, NothingUnderTheFinalNameUntilFinished) {
  const std::string path = dir_.Path("m.ebb");
  {
    const auto writer = ContainerWriter::Open(path, 1).value();
    WriteGroup(*writer, 0);
    EXPECT_FALSE(FileExists(path));
  }
  EXPECT_FALSE(FileExists(path));
  WriteAll(*ContainerWriter::Open(path, 1).value());
  EXPECT_TRUE(FileExists(path));
  EXPECT_FALSE(FileExists(path + ".partial"));
  EXPECT_FALSE(FileExists(path + ".partial.journal"));
}

TEST_F(ContainerTest, ResumesAfterAnyInterruptionWithTheSameBytes) {
  const std::string whole = FileContent(WriteFile("whole.ebb"));
  const std::string path = dir_.Path("m.ebb");
  for (uint64_t stop = 0; stop <= 4; ++stop) {
    {
      const auto writer = ContainerWriter::Open(path, 1).value();
      ASSERT_TRUE(writer->AddSideFile("config.json", "{\"x\": 1}"));
      for (uint64_t g = 0; g < stop; ++g) WriteGroup(*writer, g);
      ASSERT_TRUE(writer->BeginGroup(false));  // and stopped within a group
      ASSERT_TRUE(writer->AppendChunk(Payload(50, 9), 3));
    }
    const auto writer = ContainerWriter::Open(path, 1).value();
    EXPECT_EQ(writer->groups_written(), stop);
    WriteAll(*writer);
    EXPECT_EQ(FileContent(path), whole) << "stopped after " << stop;
    std::filesystem::remove(path);
  }
}

TEST_F(ContainerTest, TornOrDamagedJournalLosesOnlyItsTail) {
  const std::string whole = FileContent(WriteFile("whole.ebb"));
  const std::string path = dir_.Path("m.ebb");
  {
    const auto writer = ContainerWriter::Open(path, 1).value();
    ASSERT_TRUE(writer->AddSideFile("config.json", "{\"x\": 1}"));
    for (uint64_t g = 0; g < 3; ++g) WriteGroup(*writer, g);
  }
  const std::string journal = FileContent(path + ".partial.journal");
  const std::string partial = FileContent(path + ".partial");
  for (size_t size = 0; size < journal.size(); size += 7) {
    dir_.Write("m.ebb.partial.journal", journal.substr(0, size));
    dir_.Write("m.ebb.partial", partial);
    const auto writer = ContainerWriter::Open(path, 1).value();
    EXPECT_LE(writer->groups_written(), 3u);
    WriteAll(*writer);
    EXPECT_EQ(FileContent(path), whole) << size;
    std::filesystem::remove(path);
  }
}

TEST_F(ContainerTest, DataThatTheJournalPromisesIsChecked) {
  const std::string whole = FileContent(WriteFile("whole.ebb"));
  const std::string path = dir_.Path("m.ebb");
  {
    const auto writer = ContainerWriter::Open(path, 1).value();
    ASSERT_TRUE(writer->AddSideFile("config.json", "{\"x\": 1}"));
    for (uint64_t g = 0; g < 3; ++g) WriteGroup(*writer, g);
  }
  std::string partial = FileContent(path + ".partial");
  partial[kLargeGroupAlignment * 2 + 50] ^= 1;  // within group 1
  dir_.Write("m.ebb.partial", partial);
  const auto writer = ContainerWriter::Open(path, 1).value();
  EXPECT_EQ(writer->groups_written(), 1u);
  WriteAll(*writer);
  EXPECT_EQ(FileContent(path), whole);
}

TEST_F(ContainerTest, AnotherKeyStartsAnew) {
  const std::string path = dir_.Path("m.ebb");
  { WriteGroup(*ContainerWriter::Open(path, 1).value(), 0); }
  EXPECT_EQ(ContainerWriter::Open(path, 2).value()->groups_written(), 0u);
}

TEST_F(ContainerTest, TwoWritersOfOnePathAreRefused) {
  const std::string path = dir_.Path("m.ebb");
  const auto first = ContainerWriter::Open(path, 1).value();
  EXPECT_THAT(ContainerWriter::Open(path, 1).error().ToString(), HasSubstr("another process"));
}

TEST_F(ContainerTest, ForeignTruncatedAndExtendedFilesAreRefused) {
  const std::string whole = FileContent(WriteFile("m.ebb"));
  const auto error = [&](const std::string& content) {
    const auto reader = ContainerReader::Open(dir_.Write("bad.ebb", content));
    return reader ? std::string("opened") : reader.error().ToString();
  };
  EXPECT_THAT(error(""), HasSubstr("not an .ebb file"));
  EXPECT_THAT(error("GGUF" + std::string(500, 'x')), HasSubstr("not an .ebb file"));
  EXPECT_THAT(error(whole.substr(0, whole.size() - 1)), HasSubstr("truncated"));
  EXPECT_THAT(error(whole + "x"), HasSubstr("something was added"));
  for (size_t size = 0; size < whole.size(); size += 13) {
    EXPECT_NE(error(whole.substr(0, size)), "opened") << size;
  }
}

TEST_F(ContainerTest, EveryDamagedByteIsNoticed) {
  const std::string whole = FileContent(WriteFile("m.ebb"));
  const auto reader = ContainerReader::Open(dir_.Path("m.ebb")).value();
  // Every byte that is not padding between ranges.
  std::vector<bool> meaningful(whole.size(), false);
  const auto mark = [&](uint64_t offset, uint64_t bytes) {
    for (uint64_t i = 0; i < bytes; ++i) meaningful[offset + i] = true;
  };
  mark(0, kFileHeaderBytes);
  for (const auto& file : reader->index().side_files) mark(file.offset, file.bytes);
  for (const auto& group : reader->index().groups) mark(group.offset, group.bytes);
  uint64_t index_offset = 0;
  std::memcpy(&index_offset, whole.data() + 24, 8);
  mark(index_offset, whole.size() - index_offset);
  for (size_t at = 0; at < whole.size(); ++at) {
    if (!meaningful[at]) continue;
    const auto put = [&](char byte) {
      std::fstream file(dir_.Path("m.ebb"), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(at)).put(byte);
    };
    put(static_cast<char>(whole[at] ^ 0x20));
    const auto opened = ContainerReader::Open(dir_.Path("m.ebb"));
    bool noticed = !opened.has_value();
    ReadBuffer buffer;
    if (opened) {
      for (const auto& file : (*opened)->index().side_files) {
        noticed |= !(*opened)->ReadSideFile(file).has_value();
      }
      for (const auto& group : (*opened)->index().groups) {
        noticed |= !(*opened)->ReadGroup(group, &buffer).has_value();
      }
    }
    EXPECT_TRUE(noticed) << "byte " << at;
    put(whole[at]);
  }
}

TEST_F(ContainerTest, ChecksumErrorNamesTensorAndOffset) {
  std::string content = FileContent(WriteFile("m.ebb"));
  const uint64_t offset =
      ContainerReader::Open(dir_.Path("m.ebb")).value()->index().groups[2].offset;
  content[offset + 3] ^= 1;
  const auto reader = ContainerReader::Open(dir_.Write("bad.ebb", content)).value();
  ReadBuffer buffer;
  const auto read = reader->ReadGroup(reader->index().groups[2], &buffer);
  ASSERT_FALSE(read.has_value());
  EXPECT_THAT(read.error().ToString(),
              HasSubstr(fmt::format("chunk of a2 to b2 at offset {} is damaged", offset)));
}

TEST(ContainerIndexTest, HostileIndexesAreRefused) {
  // A consistent index, then one lie at a time.
  ContainerIndex good;
  good.codecs = {"raw"};
  good.side_files = {{"config.json", 4096, 10, 0}};
  good.tensors = {Tensor("t", {2, 8}), Tensor("u", {16})};
  good.groups = {{4112, 64, 1, 1, 0, 0}, {8192, 32, 1, 1, 1, 1}};
  good.chunks = {{64, 16, 0, 0, 0}, {32, 16, 0, 0, 0}};
  const auto error = [](const ContainerIndex& index) {
    const auto parsed = ParseIndex(SerializeIndex(index), 10000, "f.ebb");
    return parsed ? std::string("accepted") : parsed.error().ToString();
  };
  EXPECT_EQ(error(good), "accepted");
  ContainerIndex bad = good;
  bad.tensors[1].name = "t";
  EXPECT_THAT(error(bad), HasSubstr("the tensor t twice"));
  bad = good;
  bad.tensors[0].codec = 1;
  EXPECT_THAT(error(bad), HasSubstr("unknown codec"));
  bad = good;
  bad.tensors[0].dtype = 9;
  EXPECT_THAT(error(bad), HasSubstr("unknown dtype"));
  bad = good;
  bad.tensors[0].shape = {1ull << 40, 1ull << 40};
  EXPECT_THAT(error(bad), HasSubstr("absurd shape"));
  bad = good;
  bad.tensors[0].shape = {0, 4};
  EXPECT_THAT(error(bad), HasSubstr("absurd shape"));
  bad = good;
  bad.chunks[0].elements = 15;
  EXPECT_THAT(error(bad), HasSubstr("do not add up"));
  bad = good;
  bad.chunks[0].bytes = 63;
  EXPECT_THAT(error(bad), HasSubstr("do not add up"));
  bad = good;
  bad.groups[1].offset = 4150;
  EXPECT_THAT(error(bad), HasSubstr("overlaps"));
  bad = good;
  bad.groups[1].offset = 9990;
  EXPECT_THAT(error(bad), HasSubstr("leaves the file"));
  bad = good;
  bad.groups[1].offset = 100;
  EXPECT_THAT(error(bad), HasSubstr("overlaps"));
  bad = good;
  bad.groups[1].tensors = 2;
  EXPECT_THAT(error(bad), HasSubstr("without"));
  bad = good;
  bad.groups.pop_back();
  EXPECT_THAT(error(bad), HasSubstr("without a group"));
  bad = good;
  bad.side_files[0].name = "../evil";
  EXPECT_THAT(error(bad), HasSubstr("side file name"));
  bad = good;
  bad.tensors[0].bound_abs = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(error(bad), HasSubstr("bad bound"));
}

TEST(ContainerIndexTest, CountsBeyondTheBytesAllocateNothing) {
  std::vector<std::byte> bytes(24, std::byte{0});
  for (size_t field = 0; field < 5; ++field) {
    std::vector<std::byte> huge = bytes;
    StoreLe(huge.data() + field * 4, uint32_t{0xffffffff});
    EXPECT_FALSE(ParseIndex(huge, 10000, "f").has_value());
  }
}

TEST(ContainerIndexTest, EveryTruncationIsRefused) {
  ContainerIndex index;
  index.codecs = {"raw"};
  index.side_files = {{"a", 4096, 1, 2}};
  index.tensors = {Tensor("t", {16})};
  index.groups = {{4112, 64, 1, 1, 0, 0}};
  index.chunks = {{64, 16, 0, 0, 0}};
  const std::vector<std::byte> bytes = SerializeIndex(index);
  ASSERT_TRUE(ParseIndex(bytes, 10000, "f").has_value());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParseIndex(std::span(bytes).first(size), 10000, "f").has_value()) << size;
  }
}

}  // namespace
}  // namespace ebb
