// The reader against the file's bytes, over every way of reading, and over one that misbehaves.
#include "offload/async_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <deque>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/page_buffer.h"
#include "testing/temp_dir.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

constexpr size_t kFileBytes = 3'000'000 + 123;

std::byte ByteAt(uint64_t offset) {
  return static_cast<std::byte>((offset * 0x9e3779b97f4a7c15u) >> 56);
}

std::string Content(size_t bytes) {
  std::string content(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) content[i] = static_cast<char>(ByteAt(i));
  return content;
}

// A file whose bytes follow from their offsets, and reads into memory that is watched.
class ReaderTest : public ::testing::Test {
 protected:
  void Write(size_t bytes) {
    path_ = dir_.Write("data", Content(bytes));
    file_ = File::OpenForReading(path_).value();
  }

  // A buffer for one read; what lies behind it is checked by CheckRead.
  std::span<std::byte> Memory(uint64_t offset, uint64_t bytes) {
    const uint64_t size = WidenedBytes(offset, bytes);
    PageBuffer& memory = memory_.emplace_back(PageBuffer::Allocate(size + kGuard).value());
    std::memset(memory.data() + size, 0x5a, kGuard);
    return memory.span().first(size);
  }

  ReadRequest Request(uint64_t tag, uint64_t offset, uint64_t bytes) {
    requests_[tag] = {tag, offset, bytes, Memory(offset, bytes)};
    return requests_[tag];
  }

  void CheckRead(const ReadCompletion& read) {
    ASSERT_TRUE(requests_.contains(read.tag));
    const ReadRequest request = requests_[read.tag];
    requests_.erase(read.tag);
    ASSERT_TRUE(read.bytes.has_value()) << read.bytes.error().ToString();
    ASSERT_EQ(read.bytes->size(), request.bytes);
    if (request.bytes > 0) {
      ASSERT_EQ(read.bytes->data(), request.buffer.data() + request.offset % kReadAlignment);
    }
    for (uint64_t i = 0; i < request.bytes; ++i) {
      ASSERT_EQ((*read.bytes)[i], ByteAt(request.offset + i)) << request.offset << " + " << i;
    }
    for (size_t i = 0; i < kGuard; ++i) {
      ASSERT_EQ(request.buffer.data()[request.buffer.size() + i], std::byte{0x5a});
    }
    EXPECT_LE(read.submitted, read.started);
    EXPECT_LE(read.started, read.finished);
  }

  // What reading one range gives.
  ReadCompletion ReadOne(AsyncReader& reader, uint64_t offset, uint64_t bytes) {
    EXPECT_TRUE(reader.Submit(Request(1, offset, bytes)));
    return reader.Wait().value();
  }

  static constexpr size_t kGuard = 4096;

  TempDir dir_;
  std::string path_;
  std::optional<File> file_;
  std::deque<PageBuffer> memory_;
  std::map<uint64_t, ReadRequest> requests_;
};

class EveryReader : public ReaderTest, public ::testing::WithParamInterface<ReadMethod> {
 protected:
  std::unique_ptr<AsyncReader> Open(AsyncReaderOptions options = {}) {
    options.method = GetParam();
    auto reader = AsyncReader::Open(*file_, options);
    if (!reader) {
      EXPECT_EQ(reader.error().code, ErrorCode::kUnsupported);
      skipped_ = reader.error().ToString();
      return nullptr;
    }
    return std::move(*reader);
  }

  void ReadRandomRanges(AsyncReader& reader, const PageBuffer& arena);

  std::string skipped_;
};

#define OPEN_OR_SKIP(reader, ...)                                \
  const std::unique_ptr<AsyncReader> reader = Open(__VA_ARGS__); \
  if (reader == nullptr) GTEST_SKIP() << skipped_

// Random ranges into the parts of one large buffer, as many at a time as it has.
void EveryReader::ReadRandomRanges(AsyncReader& reader, const PageBuffer& arena) {
  constexpr uint64_t kPartBytes = 1 << 20;
  std::mt19937_64 random(1);
  std::vector<std::span<std::byte>> unused;
  for (uint64_t part = 0; part < arena.size() / kPartBytes; ++part) {
    unused.push_back(arena.span().subspan(part * kPartBytes, kPartBytes));
  }
  std::map<uint64_t, ReadRequest> submitted;
  for (uint64_t tag = 0; tag < 400 || !submitted.empty();) {
    if (tag < 400 && !unused.empty() && random() % 3 != 0) {
      const uint64_t most = uint64_t{1} << random() % 20;
      const uint64_t offset = random() % 3 == 0 ? 4096 * (random() % 700) : random() % kFileBytes;
      const uint64_t bytes = std::min(random() % most, kFileBytes - offset);
      submitted[tag] = {tag, offset, bytes, unused.back(), random() % 4 == 0};
      unused.pop_back();
      ASSERT_TRUE(reader.Submit(submitted[tag]));
      ++tag;
      continue;
    }
    const auto read = random() % 2 == 0 ? reader.Wait() : reader.Poll();
    if (!read) continue;
    ASSERT_TRUE(submitted.contains(read->tag));
    const ReadRequest request = submitted[read->tag];
    submitted.erase(read->tag);
    unused.push_back(request.buffer);
    ASSERT_TRUE(read->bytes.has_value()) << read->bytes.error().ToString();
    ASSERT_EQ(read->bytes->size(), request.bytes);
    for (uint64_t i = 0; i < request.bytes; ++i) {
      ASSERT_EQ((*read->bytes)[i], ByteAt(request.offset + i)) << request.offset << " + " << i;
    }
  }
  EXPECT_EQ(reader.outstanding(), 0u);
}

TEST_P(EveryReader, ReadsAnyRange) {
  Write(kFileBytes);
  OPEN_OR_SKIP(reader, {.in_flight = 7, .capacity = 20});
  ReadRandomRanges(*reader, PageBuffer::Allocate(20 << 20).value());
}

TEST_P(EveryReader, ReadsIntoRegisteredMemory) {
  Write(kFileBytes);
  const PageBuffer arena = PageBuffer::Allocate(20 << 20).value();
  OPEN_OR_SKIP(reader, {.in_flight = 7, .capacity = 20});
  const std::span<std::byte> parts[] = {arena.span().subspan(9 << 20, 8 << 20),
                                        arena.span().first(8 << 20)};
  if (!reader->RegisterBuffers(parts)) GTEST_SKIP() << "no memory is registered";
  EXPECT_THAT(reader->Describe(), HasSubstr("registered"));
  ReadRandomRanges(*reader, arena);
  ASSERT_TRUE(reader->RegisterBuffers({&parts[1], 1}));
  ReadRandomRanges(*reader, arena);
  EXPECT_FALSE(reader->RegisterBuffers({}));
  ReadRandomRanges(*reader, arena);
}

TEST_P(EveryReader, TakesNoMoreThanItsCapacity) {
  Write(kFileBytes);
  OPEN_OR_SKIP(reader, {.in_flight = 2, .capacity = 5});
  for (uint64_t tag = 0; tag < 5; ++tag) {
    ASSERT_TRUE(reader->Submit(Request(tag, tag, 1000)));
  }
  EXPECT_FALSE(reader->Submit({.tag = 9, .offset = 0, .bytes = 0, .buffer = {}}));
  CheckRead(reader->Wait().value());
  EXPECT_EQ(reader->outstanding(), 4u);
  EXPECT_TRUE(reader->Submit(Request(9, 0, 0)));
  while (const auto read = reader->Wait()) CheckRead(*read);
}

TEST_P(EveryReader, WritesNothingBesideTheBuffer) {
  Write(kFileBytes);
  OPEN_OR_SKIP(reader);
  uint64_t tag = 0;
  for (const uint64_t offset : {0u, 1u, 4095u, 4096u, 4097u, 1'000'000u, 2'999'000u}) {
    for (const uint64_t bytes : {0u, 1u, 4095u, 4096u, 4097u, 100'000u}) {
      if (offset + bytes > kFileBytes) continue;
      ASSERT_TRUE(reader->Submit(Request(++tag, offset, bytes)));
    }
  }
  while (const auto read = reader->Wait()) CheckRead(*read);
  EXPECT_TRUE(requests_.empty());
}

TEST_P(EveryReader, ReadsTheLastBytes) {
  for (const size_t size : {1u, 4095u, 4096u, 4097u, 8192u, 10'000u}) {
    Write(size);
    OPEN_OR_SKIP(reader);
    CheckRead(ReadOne(*reader, size - 1, 1));
    CheckRead(ReadOne(*reader, 0, size));
    CheckRead(ReadOne(*reader, size, 0));
  }
}

TEST_P(EveryReader, RangesBeyondTheEndAreTruncation) {
  Write(10'000);
  OPEN_OR_SKIP(reader);
  const std::pair<uint64_t, uint64_t> ranges[] = {
      {9'999, 2}, {0, 10'001}, {10'000, 1}, {12'288, 100}, {1'000'000, 1}};
  for (const auto& [offset, bytes] : ranges) {
    const ReadCompletion read = ReadOne(*reader, offset, bytes);
    ASSERT_FALSE(read.bytes.has_value()) << offset;
    EXPECT_EQ(read.bytes.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(read.bytes.error().where, path_);
    EXPECT_THAT(read.bytes.error().message, HasSubstr(fmt::format("at offset {}", offset)));
  }
  ASSERT_TRUE(reader->Submit({.tag = 5, .offset = UINT64_MAX - 10, .bytes = 100, .buffer = {}}));
  EXPECT_EQ(reader->Wait()->bytes.error().code, ErrorCode::kInvalidArgument);
  CheckRead(ReadOne(*reader, 0, 10'000));  // nothing of it stays
}

TEST_P(EveryReader, AFileThatShrinksIsTruncation) {
  Write(kFileBytes);
  OPEN_OR_SKIP(reader);
  CheckRead(ReadOne(*reader, 2'000'000, 100'000));
  for (const uint64_t left : {2'050'001u, 2'048'000u, 1'000'000u, 0u}) {
    std::filesystem::resize_file(path_, left);
    const ReadCompletion read = ReadOne(*reader, 2'000'000, 100'000);
    ASSERT_FALSE(read.bytes.has_value()) << left;
    EXPECT_EQ(read.bytes.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(read.bytes.error().message, HasSubstr("truncated"));
  }
}

TEST_P(EveryReader, ReadsTheFileThatIsOpenWhateverItsNameIs) {
  Write(kFileBytes);
  std::filesystem::remove(path_);
  dir_.Write("data", "another one");
  OPEN_OR_SKIP(reader);
  CheckRead(ReadOne(*reader, 1'000, 2'000'000));
}

TEST_P(EveryReader, MayBeDestroyedWithReadsInFlight) {
  Write(kFileBytes);
  for (const uint32_t in_flight : {1u, 4u, 32u}) {
    OPEN_OR_SKIP(reader, {.in_flight = in_flight, .capacity = 64});
    for (uint64_t tag = 0; tag < 30; ++tag) {
      ASSERT_TRUE(reader->Submit(Request(tag, 100'000 * (tag % 20), 1'000'000)));
    }
    if (in_flight != 4) continue;
    EXPECT_TRUE(reader->Wait().has_value());
  }
  memory_.clear();  // nothing may be written any more: the sanitizer and the kernel would notice
}

TEST_P(EveryReader, WaitingReadsCanBeCancelled) {
  Write(kFileBytes);
  OPEN_OR_SKIP(reader, {.in_flight = 1, .capacity = 64});
  std::set<uint64_t> cancelled;
  for (uint64_t tag = 0; tag < 20; ++tag) {
    ASSERT_TRUE(reader->Submit(Request(tag, 1'000 * tag, 1'000'000)));
  }
  EXPECT_FALSE(reader->Cancel(1234));
  for (uint64_t tag = 1; tag < 20; tag += 2) {
    if (reader->Cancel(tag)) cancelled.insert(tag);
  }
  EXPECT_GE(cancelled.size(), 5u);
  while (const auto read = reader->Wait()) {
    if (cancelled.erase(read->tag) == 0) {
      CheckRead(*read);
      continue;
    }
    requests_.erase(read->tag);
    ASSERT_FALSE(read->bytes.has_value());
    EXPECT_EQ(read->bytes.error().code, ErrorCode::kCancelled);
  }
  EXPECT_TRUE(requests_.empty());
  EXPECT_TRUE(cancelled.empty());
}

TEST_P(EveryReader, NothingToWaitForIsNothing) {
  Write(100);
  OPEN_OR_SKIP(reader);
  EXPECT_FALSE(reader->Wait().has_value());
  EXPECT_FALSE(reader->Poll().has_value());
}

TEST_P(EveryReader, ServesManyThreadsAtOnce) {
  Write(kFileBytes);
  OPEN_OR_SKIP(reader, {.in_flight = 5, .capacity = 40});
  constexpr int kThreads = 4;
  constexpr int kReadsEach = 60;
  std::atomic<int> given_out = 0;
  std::atomic<int> wrong = 0;
  const auto work = [&](int thread) {
    std::mt19937_64 random(static_cast<uint64_t>(thread));
    std::vector<PageBuffer> own;
    for (int i = 0; i < kReadsEach; ++i) {
      const uint64_t offset = random() % (kFileBytes - 20'000);
      own.push_back(PageBuffer::Allocate(WidenedBytes(offset, 20'000)).value());
      const ReadRequest request{offset, offset, 20'000, own.back().span(), i % 2 == 0};
      while (!reader->Submit(request)) {
        if (reader->Wait()) ++given_out;
      }
      if (i % 3 != 0) continue;
      const auto read = i % 2 == 0 ? reader->Wait() : reader->Poll();
      if (!read) continue;
      ++given_out;
      if (!read->bytes || (*read->bytes)[0] != ByteAt(read->tag) ||
          (*read->bytes)[19'999] != ByteAt(read->tag + 19'999)) {
        ++wrong;
      }
    }
    while (reader->Wait()) ++given_out;
    // Reads of others may still go on; buffers live as long as any of them.
    while (given_out < kThreads * kReadsEach) std::this_thread::yield();
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(given_out, kThreads * kReadsEach);
  EXPECT_EQ(wrong, 0);
}

INSTANTIATE_TEST_SUITE_P(Ways, EveryReader,
                         ::testing::Values(ReadMethod::kIoUring, ReadMethod::kPread),
                         [](const auto& info) {
                           return info.param == ReadMethod::kPread ? "pread" : "io_uring";
                         });

TEST_F(ReaderTest, AFileSystemWithoutDirectReadsGivesTheSame) {
  const std::string path = fmt::format("/dev/shm/ebb_test_{}", getpid());
  {
    std::ofstream(path, std::ios::binary) << Content(100'000);
    file_ = File::OpenForReading(path).value();
  }
  std::filesystem::remove(path);
  const auto reader = AsyncReader::Open(*file_).value();
  CheckRead(ReadOne(*reader, 4'000, 90'000));
}

// In a process of its own that may not call io_uring_setup, as many containers have it.
TEST_F(ReaderTest, WhereIoUringIsRefusedThreadsRead) {
  Write(kFileBytes);
  const auto refused = [&] {
    sock_filter refuse[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program = {4, refuse};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      return 2;
    }
    const auto uring = AsyncReader::Open(*file_, {.method = ReadMethod::kIoUring});
    if (uring || uring.error().code != ErrorCode::kUnsupported) return 3;
    const auto reader = AsyncReader::Open(*file_).value();
    if (reader->Describe().find("pread") == std::string::npos) return 4;
    const ReadCompletion read = ReadOne(*reader, 12'345, 1'000'000);
    return read.bytes && read.bytes->back() == ByteAt(1'012'344) ? 0 : 5;
  };
  const pid_t child = fork();
  if (child == 0) _exit(refused());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "the kernel has no seccomp filters";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(ReaderTest, TheEnvironmentChoosesTheMethod) {
  Write(100);
  setenv("EBB_READS", "pread", 1);
  EXPECT_THAT(AsyncReader::Open(*file_).value()->Describe(), HasSubstr("pread"));
  setenv("EBB_READS", "psychic", 1);
  EXPECT_THAT(AsyncReader::Open(*file_).error().ToString(), HasSubstr("EBB_READS"));
  unsetenv("EBB_READS");
}

// What a kernel may do to a step.
struct Faults {
  bool short_pages = false;  // reads end early, by whole pages
  bool short_bytes = false;  // reads end early, anywhere (page cache)
  double interrupted = 0;    // EINTR or EAGAIN, with this probability
  int fails_with = 0;        // this errno for every step at or after fails_from
  uint64_t fails_from = 0;
  bool refuses_direct = false;  // EINVAL
};

// Answers out of order, and badly.
class FaultyBackend final : public ReadBackend {
 public:
  FaultyBackend(int descriptor, const Faults& faults) : descriptor_(descriptor), faults_(faults) {}

  void Start(const ReadStep& step) override {
    EBB_CHECK(std::none_of(steps_.begin(), steps_.end(),
                           [&](const ReadStep& other) { return other.slot == step.slot; }));
    if (step.direct) {
      EBB_CHECK(step.offset % 4096 == 0 && step.to.size() % 4096 == 0 &&
                reinterpret_cast<uintptr_t>(step.to.data()) % 4096 == 0);
    }
    steps_.push_back(step);
    ++started_;
  }
  bool Flush() override { return random_() % 8 != 0; }  // no memory at the moment
  void Reap(bool wait, std::vector<ReadAnswer>* answers) override {
    if (!wait && random_() % 2 == 0) return;
    const size_t count = 1 + random_() % steps_.size();
    for (size_t i = 0; i < count; ++i) {
      const size_t victim = random_() % steps_.size();
      answers->push_back(
          {steps_[victim].slot, Answer(steps_[victim]), std::chrono::steady_clock::now()});
      steps_.erase(steps_.begin() + static_cast<ptrdiff_t>(victim));
    }
  }
  std::string Name() const override { return "faults"; }
  uint64_t started() const { return started_; }

 private:
  int64_t Answer(const ReadStep& step) {
    if (faults_.fails_with != 0 && step.offset + step.to.size() > faults_.fails_from) {
      return -faults_.fails_with;
    }
    if (std::uniform_real_distribution<>()(random_) < faults_.interrupted) {
      return random_() % 2 == 0 ? -EINTR : -EAGAIN;
    }
    if (step.direct && faults_.refuses_direct) return -EINVAL;
    size_t size = step.to.size();
    if (faults_.short_pages && size > 4096) size = 4096 * (1 + random_() % (size / 4096));
    if (faults_.short_bytes) size = 1 + random_() % size;
    return pread(descriptor_, step.to.data(), size, static_cast<off_t>(step.offset));
  }

  int descriptor_;
  Faults faults_;
  std::mt19937_64 random_{5};
  std::vector<ReadStep> steps_;
  uint64_t started_ = 0;
};

class FaultyReader : public ReaderTest {
 protected:
  std::unique_ptr<AsyncReader> Open(const Faults& faults, bool direct = true) {
    Write(kFileBytes);
    AsyncReaderOptions options;
    options.in_flight = 4;
    options.stall_limit = std::chrono::milliseconds(50);
    return AsyncReader::Over(*file_, options,
                             std::make_unique<FaultyBackend>(file_->descriptor(), faults), direct);
  }
  void ReadMany(AsyncReader& reader) {
    std::mt19937_64 random(3);
    for (uint64_t tag = 0; tag < 60; ++tag) {
      const uint64_t offset = random() % kFileBytes;
      ASSERT_TRUE(
          reader.Submit(Request(tag, offset, std::min(random() % 100'000, kFileBytes - offset))));
    }
    while (const auto read = reader.Wait()) CheckRead(*read);
    EXPECT_TRUE(requests_.empty());
  }
};

TEST_F(FaultyReader, ShortReadsAreContinued) {
  ReadMany(*Open({.short_pages = true}));
  ReadMany(*Open({.short_bytes = true}));
  ReadMany(*Open({.short_bytes = true}, false));
}

TEST_F(FaultyReader, InterruptedReadsAreRepeated) {
  ReadMany(*Open({.short_pages = true, .interrupted = 0.7}));
}

TEST_F(FaultyReader, ADeviceThatRefusesTheAlignmentIsReadThroughThePageCache) {
  const auto reader = Open({.short_pages = true, .refuses_direct = true});
  EXPECT_TRUE(reader->direct());
  ReadMany(*reader);
  EXPECT_FALSE(reader->direct());
}

TEST_F(FaultyReader, ADiskErrorFailsItsReadsAndNoOthers) {
  const auto reader = Open({.fails_with = EIO, .fails_from = 2'000'000});
  ASSERT_TRUE(reader->Submit(Request(1, 1'500'000, 600'000)));
  ASSERT_TRUE(reader->Submit(Request(2, 100, 1'000'000)));
  ASSERT_TRUE(reader->Submit(Request(3, 2'500'000, 10)));
  for (int i = 0; i < 3; ++i) {
    const auto read = reader->Wait();
    ASSERT_TRUE(read.has_value());
    if (read->tag == 2) {
      CheckRead(*read);
      continue;
    }
    ASSERT_FALSE(read->bytes.has_value());
    EXPECT_EQ(read->bytes.error().code, ErrorCode::kIo);
    EXPECT_THAT(read->bytes.error().ToString(), HasSubstr(path_));
    EXPECT_THAT(read->bytes.error().message,
                HasSubstr(fmt::format("at offset {}", requests_[read->tag].offset)));
    EXPECT_THAT(read->bytes.error().message, HasSubstr("Input/output error"));
  }
  EXPECT_EQ(reader->outstanding(), 0u);
}

TEST_F(FaultyReader, AReadThatGetsNowhereFailsInTheEnd) {
  const auto reader = Open({.fails_with = EAGAIN});
  const ReadCompletion read = ReadOne(*reader, 0, 100);
  ASSERT_FALSE(read.bytes.has_value());
  EXPECT_EQ(read.bytes.error().code, ErrorCode::kIo);
}

TEST_F(FaultyReader, ADestroyedReaderStartsNothingNew) {
  for (int reads = 1; reads < 20; ++reads) {
    const auto reader = Open({.short_pages = true, .interrupted = 0.5});
    for (int i = 0; i < reads; ++i) {
      ASSERT_TRUE(reader->Submit(Request(static_cast<uint64_t>(i), 0, 500'000)));
    }
  }
}

TEST_F(FaultyReader, UrgentReadsGoFirst) {
  Write(kFileBytes);
  AsyncReaderOptions options;
  options.in_flight = 1;
  const auto one_by_one = AsyncReader::Over(
      *file_, options, std::make_unique<FaultyBackend>(file_->descriptor(), Faults{}), true);
  for (uint64_t tag = 0; tag < 10; ++tag) {
    ReadRequest request = Request(tag, 0, 100);
    request.urgent = tag >= 5;
    ASSERT_TRUE(one_by_one->Submit(request));
  }
  std::vector<uint64_t> order;
  while (const auto read = one_by_one->Wait()) order.push_back(read->tag);
  EXPECT_THAT(order, ::testing::ElementsAre(0, 5, 6, 7, 8, 9, 1, 2, 3, 4));
}

}  // namespace
}  // namespace ebb
