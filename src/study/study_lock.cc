#include "study/study_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/file.h"

namespace ebb {

// Not the database itself: closing a second descriptor of it would take SQLite's own locks away.
Result<StudyLock> StudyLock::Take(const std::string& database) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(database, error);
  const std::string path = (error ? database : real.string()) + ".lock";
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0 && errno == ENOENT) {
    return MakeError(ErrorCode::kNotFound, database,
                     "its folder is not there: make it, or name another database");
  }
  if (descriptor < 0) return tl::unexpected(SystemError(path, "make it (the database's lock)"));
  StudyLock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return tl::unexpected(SystemError(path, "lock it"));
  return MakeError(ErrorCode::kIo, database,
                   "another ebb study run is at work on it: wait for its end");
}

StudyLock::StudyLock(StudyLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

StudyLock& StudyLock::operator=(StudyLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

StudyLock::~StudyLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace ebb
