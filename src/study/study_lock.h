// One run a database at a time.
#pragma once

#include <string>

#include "base/error.h"

namespace ebb {

// The lock of a study's database: a file DATABASE.lock beside it, which stays there and is locked
// while a run is at work. Whatever ends the process ends the lock. Two names of one database
// (links, other study files) have one lock. Movable, unlocks on destruction.
class StudyLock {
 public:
  // kIo if another run holds it, or if the file cannot be made.
  [[nodiscard]] static Result<StudyLock> Take(const std::string& database);

  StudyLock(StudyLock&& other) noexcept;
  StudyLock& operator=(StudyLock&& other) noexcept;
  ~StudyLock();

 private:
  explicit StudyLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace ebb
