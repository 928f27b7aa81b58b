#include "cli/machine_limits.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/checked.h"
#include "base/stopwatch.h"
#include "base/threads.h"
#include "codec/chunk_decoder.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cli/machine_limits.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ebb {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Exclusive or of all words: one load and one cheap operation a vector.
uint64_t ReadAll(const uint64_t* words, size_t count) {
  const hn::ScalableTag<uint64_t> d;
  const size_t lanes = hn::Lanes(d);
  auto a = hn::Zero(d);
  auto b = hn::Zero(d);
  auto c = hn::Zero(d);
  auto e = hn::Zero(d);
  for (size_t i = 0; i + 4 * lanes <= count; i += 4 * lanes) {
    a = hn::Xor(a, hn::LoadU(d, words + i));
    b = hn::Xor(b, hn::LoadU(d, words + i + lanes));
    c = hn::Xor(c, hn::LoadU(d, words + i + 2 * lanes));
    e = hn::Xor(e, hn::LoadU(d, words + i + 3 * lanes));
  }
  return hn::GetLane(hn::Xor(hn::Xor(a, b), hn::Xor(c, e)));
}

}  // namespace HWY_NAMESPACE
}  // namespace ebb
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ebb {

HWY_EXPORT(ReadAll);

// 512 MiB: more than the last-level cache of any processor.
RamReader::RamReader() : memory_(size_t{64} << 20, 1) {
  // Codecs that run in a child process would pay for copying the table of these pages.
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = AlignUp(reinterpret_cast<uintptr_t>(memory_.data()), page);
  const auto end = reinterpret_cast<uintptr_t>(memory_.data() + memory_.size()) & ~(page - 1);
  (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTFORK);
}

double RamReader::Measure() {
  const Stopwatch watch;
  volatile uint64_t sink = HWY_DYNAMIC_DISPATCH(ReadAll)(memory_.data(), memory_.size());
  (void)sink;
  const double seconds = watch.seconds();
  return static_cast<double>(memory_.size() * sizeof(uint64_t)) / seconds;
}

std::string MachineName() {
  std::string model = "unknown processor";
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (!line.starts_with("model name")) continue;
    model = line.substr(std::min(line.size(), line.find(':') + 2));
    break;
  }
  return model + ", " + std::to_string(ThreadPool(0).threads()) + " processors, " +
         BestChunkDecoder().name;
}

double MedianOf(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace ebb
#endif  // HWY_ONCE
