#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>

#include "testing/temp_dir.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  const TempDir dir;
  const std::string path = dir.Path("out.bin");
  {
    AtomicFile file = AtomicFile::Create(path).value();
    ASSERT_TRUE(file.Append("half"));
    EXPECT_FALSE(FileExists(path));
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));  // abandoned: nothing stays
  AtomicFile file = AtomicFile::Create(path).value();
  ASSERT_TRUE(file.Append("whole"));
  ASSERT_TRUE(file.Commit());
  EXPECT_EQ(ReadTextFile(path, 100).value(), "whole");
}

TEST(File, ReadsPastTheEndAreTruncation) {
  const TempDir dir;
  const std::string path = dir.Write("f", "0123456789");
  const File file = File::OpenForReading(path).value();
  std::array<std::byte, 4> bytes;
  ASSERT_TRUE(file.ReadAt(6, bytes));
  EXPECT_EQ(static_cast<char>(bytes[3]), '9');
  const Status past = file.ReadAt(7, bytes);
  ASSERT_FALSE(past.has_value());
  EXPECT_EQ(past.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(past.error().ToString(), HasSubstr("truncated"));
}

TEST(File, MissingFilesAndFoldersAreNamed) {
  const TempDir dir;
  EXPECT_EQ(File::OpenForReading(dir.Path("none")).error().code, ErrorCode::kNotFound);
  EXPECT_THAT(File::OpenForReading(dir.path()).error().ToString(), HasSubstr("not a regular file"));
  EXPECT_THAT(ReadTextFile(dir.Write("big", "123456"), 5).error().ToString(),
              HasSubstr("at most 5"));
}

}  // namespace
}  // namespace ebb
