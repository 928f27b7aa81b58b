// How far a long operation has come. The operation reports; who shows it (a bar on a terminal,
// nothing in a library) is the caller's choice.
#pragma once

#include <cstdint>
#include <functional>

namespace ebb {

struct Progress {
  uint64_t done = 0;
  uint64_t total = 0;
};

// Called now and then, from one thread at a time. May be empty.
using ProgressSink = std::function<void(const Progress&)>;

}  // namespace ebb
