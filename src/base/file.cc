#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace ebb {
namespace {

// One read or write of more than this may be refused (Linux stops at 2 GiB - 4 KiB).
constexpr size_t kMaxTransferBytes = size_t{1} << 30;

}  // namespace

Error SystemError(const std::string& path, std::string_view action) {
  const int number = errno;
  const ErrorCode code = number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return Error{code, fmt::format("cannot {}: {}", action, std::strerror(number)), path};
}

Result<File> File::OpenForReading(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return tl::unexpected(SystemError(path, "open"));
  File file(path, descriptor, 0);
  struct stat info;
  if (fstat(descriptor, &info) != 0) return tl::unexpected(SystemError(path, "stat"));
  if (!S_ISREG(info.st_mode)) {
    return MakeError(ErrorCode::kInvalidArgument, path, "not a regular file");
  }
  file.size_bytes_ = static_cast<uint64_t>(info.st_size);
  return file;
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_bytes_(other.size_bytes_) {}

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) close(descriptor_);
    path_ = std::move(other.path_);
    descriptor_ = std::exchange(other.descriptor_, -1);
    size_bytes_ = other.size_bytes_;
  }
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) close(descriptor_);
}

Status File::ReadAt(uint64_t offset, std::span<std::byte> to) const {
  size_t done = 0;
  while (done < to.size()) {
    const size_t want = std::min(to.size() - done, kMaxTransferBytes);
    const ssize_t got =
        pread(descriptor_, to.data() + done, want, static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return tl::unexpected(SystemError(path_, fmt::format("read at offset {}", offset + done)));
    }
    if (got == 0) {
      return MakeError(ErrorCode::kCorrupt, path_,
                       "truncated: {} bytes wanted at offset {}, the file has {}", to.size(),
                       offset, size_bytes_);
    }
    done += static_cast<size_t>(got);
  }
  return {};
}

void File::DropCache(uint64_t offset, uint64_t size) const {
  (void)posix_fadvise(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(size),
                      POSIX_FADV_DONTNEED);
}

Result<AtomicFile> AtomicFile::Create(const std::string& final_path) {
  std::string temporary_path = fmt::format("{}.tmp.{}", final_path, getpid());
  const int descriptor =
      open(temporary_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return tl::unexpected(SystemError(temporary_path, "create"));
  return AtomicFile(final_path, std::move(temporary_path), descriptor);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : final_path_(std::move(other.final_path_)),
      temporary_path_(std::move(other.temporary_path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_bytes_(other.size_bytes_) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(temporary_path_.c_str());
}

Status AtomicFile::Append(std::span<const std::byte> bytes) {
  EBB_TRY(WriteAllAt(descriptor_, size_bytes_, bytes, temporary_path_));
  size_bytes_ += bytes.size();
  return {};
}

Status AtomicFile::Append(std::string_view text) {
  return Append(std::as_bytes(std::span(text.data(), text.size())));
}

Status AtomicFile::Commit() {
  EBB_CHECK(descriptor_ >= 0);
  if (fsync(descriptor_) != 0) return tl::unexpected(SystemError(temporary_path_, "fsync"));
  if (rename(temporary_path_.c_str(), final_path_.c_str()) != 0) {
    return tl::unexpected(SystemError(final_path_, "rename into place"));
  }
  close(descriptor_);
  descriptor_ = -1;
  return SyncParentDirectory(final_path_);
}

Status WriteAllAt(int descriptor, uint64_t offset, std::span<const std::byte> bytes,
                  const std::string& path) {
  size_t done = 0;
  while (done < bytes.size()) {
    const size_t want = std::min(bytes.size() - done, kMaxTransferBytes);
    const ssize_t wrote =
        pwrite(descriptor, bytes.data() + done, want, static_cast<off_t>(offset + done));
    if (wrote < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return tl::unexpected(SystemError(path, "write"));
    }
    done += static_cast<size_t>(wrote);
  }
  return {};
}

Status SyncParentDirectory(const std::string& path) {
  std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (parent.empty()) parent = ".";
  const int descriptor = open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return tl::unexpected(SystemError(parent.string(), "open"));
  // Some file systems refuse to fsync a directory; the rename itself has happened either way.
  (void)fsync(descriptor);
  close(descriptor);
  return {};
}

Result<std::string> ReadTextFile(const std::string& path, uint64_t max_bytes) {
  EBB_TRY_ASSIGN(const File file, File::OpenForReading(path));
  if (file.size_bytes() > max_bytes) {
    return MakeError(ErrorCode::kCorrupt, path, "the file has {} bytes; at most {} are expected",
                     file.size_bytes(), max_bytes);
  }
  std::string text(file.size_bytes(), '\0');
  EBB_TRY(file.ReadAt(0, std::as_writable_bytes(std::span(text.data(), text.size()))));
  return text;
}

bool IsDirectory(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

bool FileExists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace ebb
