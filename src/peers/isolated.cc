#include "peers/isolated.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/file.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EBB_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define EBB_SANITIZED 1
#endif
#endif

namespace ebb {
namespace {

// How the child ends.
constexpr int kDone = 0;
constexpr int kFailed = 1;

// The bytes that the body filled lie behind this.
struct Header {
  uint64_t filled = 0;
};
constexpr size_t kHeaderBytes = 64;
static_assert(sizeof(Header) <= kHeaderBytes);

void LimitMemory([[maybe_unused]] uint64_t more_bytes) {
#ifndef EBB_SANITIZED  // sanitizers reserve terabytes of addresses
  unsigned long long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r"); file != nullptr) {
    if (std::fscanf(file, "%llu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  if (pages == 0) return;
  rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0) return;
  const rlim_t wanted = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) + more_bytes;
  limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_AS, &limit);
#endif
}

// In the child: what kills it must do so without a word and without a core file.
void PrepareChild(const IsolationLimits& limits) {
  for (const int signal_number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM, SIGTERM}) {
    std::signal(signal_number, SIG_DFL);
  }
  const rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (const int null = open("/dev/null", O_RDWR | O_CLOEXEC); null >= 0) {
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
  }
  LimitMemory(limits.memory_bytes);
  alarm(limits.seconds);
}

}  // namespace

Result<SharedMemory> SharedMemory::Create(size_t bytes) {
  void* const memory = mmap(nullptr, kHeaderBytes + bytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return tl::unexpected(SystemError("shared memory", "cannot map it"));
  return SharedMemory({static_cast<std::byte*>(memory) + kHeaderBytes, bytes});
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})) {}

SharedMemory::~SharedMemory() {
  if (bytes_.data() != nullptr) {
    munmap(bytes_.data() - kHeaderBytes, kHeaderBytes + bytes_.size());
  }
}

Result<size_t> RunIsolated(const SharedMemory& shared, const IsolationLimits& limits,
                           const std::string& what,
                           const std::function<std::optional<size_t>(std::span<std::byte>)>& body) {
  auto* const header = reinterpret_cast<Header*>(shared.bytes().data() - kHeaderBytes);
  const pid_t child = fork();
  if (child < 0) return tl::unexpected(SystemError(what, "cannot start a process for it"));
  if (child == 0) {
    PrepareChild(limits);
    int code = kFailed;
    try {
      if (const std::optional<size_t> filled = body(shared.bytes()); filled) {
        header->filled = *filled;
        code = kDone;
      }
    } catch (...) {  // of the foreign code
    }
    _exit(code);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return tl::unexpected(SystemError(what, "lost its process"));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kDone) {
    EBB_CHECK(header->filled <= shared.bytes().size());
    return header->filled;
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
    return MakeError(ErrorCode::kCorrupt, what, "took more than {} seconds", limits.seconds);
  }
  if (WIFSIGNALED(status)) {
    return MakeError(ErrorCode::kCorrupt, what, "crashed ({})", strsignal(WTERMSIG(status)));
  }
  return MakeError(ErrorCode::kCorrupt, what, "failed");
}

}  // namespace ebb
