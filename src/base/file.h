// Files: positioned reads that are complete or an error, and writes that are complete or absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ebb {

// A file opened for reading. Reads are positioned (pread), so one File may be read from many
// threads at once. Movable, closes on destruction.
class File {
 public:
  [[nodiscard]] static Result<File> OpenForReading(const std::string& path);

  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  const std::string& path() const { return path_; }
  uint64_t size_bytes() const { return size_bytes_; }
  int descriptor() const { return descriptor_; }

  // Fills all of `to` from `offset`, however many reads that takes (short reads and EINTR are
  // retried). A range that leaves the file is kCorrupt ("truncated"), anything else kIo.
  [[nodiscard]] Status ReadAt(uint64_t offset, std::span<std::byte> to) const;

  // Tells the kernel that the cached pages of [offset, offset + size) are not needed again.
  void DropCache(uint64_t offset, uint64_t size) const;

 private:
  File(std::string path, int descriptor, uint64_t size_bytes)
      : path_(std::move(path)), descriptor_(descriptor), size_bytes_(size_bytes) {}

  std::string path_;
  int descriptor_ = -1;
  uint64_t size_bytes_ = 0;
};

// Writes a file that appears under its final name only when it is whole: bytes go to a sibling
// temporary file, Commit() fsyncs and renames it, and destruction without Commit() removes it.
// Not thread-safe.
class AtomicFile {
 public:
  [[nodiscard]] static Result<AtomicFile> Create(const std::string& final_path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  [[nodiscard]] Status Append(std::span<const std::byte> bytes);
  [[nodiscard]] Status Append(std::string_view text);
  [[nodiscard]] Status Commit();
  uint64_t size_bytes() const { return size_bytes_; }

 private:
  AtomicFile(std::string final_path, std::string temporary_path, int descriptor)
      : final_path_(std::move(final_path)),
        temporary_path_(std::move(temporary_path)),
        descriptor_(descriptor) {}

  std::string final_path_;
  std::string temporary_path_;
  int descriptor_ = -1;
  uint64_t size_bytes_ = 0;
};

// Writes all of `bytes` at `offset` of an open descriptor, however many writes that takes.
[[nodiscard]] Status WriteAllAt(int descriptor, uint64_t offset, std::span<const std::byte> bytes,
                                const std::string& path);

// Makes the directory entry of `path` durable after a rename.
[[nodiscard]] Status SyncParentDirectory(const std::string& path);

// The whole of a text file; more than `max_bytes` is an error, so that a hostile or mistaken path
// cannot fill the memory.
[[nodiscard]] Result<std::string> ReadTextFile(const std::string& path, uint64_t max_bytes);

[[nodiscard]] bool IsDirectory(const std::string& path);
[[nodiscard]] bool FileExists(const std::string& path);

// The operating system's text for the current errno, as an error about `path`.
[[nodiscard]] Error SystemError(const std::string& path, std::string_view action);

}  // namespace ebb
