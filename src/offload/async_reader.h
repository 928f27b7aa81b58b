// Reads of ranges of one file that go on while the caller does something else.
//
//     EBB_TRY_ASSIGN(auto reader, AsyncReader::Open(file));
//     ... reader->Submit({.tag = 7, .offset = at, .bytes = n, .buffer = memory}) ...
//     while (auto read = reader->Wait()) ... read->tag, read->bytes ...
//
// A read is one contiguous range, which may start and end anywhere. Disks are read past the page
// cache (O_DIRECT), which moves whole pages only: the range is widened to multiples of 4096, and
// the completion says where the wanted bytes lie in the buffer. Where the file system refuses
// O_DIRECT, reads go through the page cache, and what they leave there is dropped.
//
// What always holds:
//   - every read that Submit took is given out once, by Poll or Wait, in no particular order;
//   - its bytes are all there, or it is an error: kCorrupt if the file ends before them, kIo if the
//     system failed, kCancelled. Short reads, EINTR and EAGAIN are seen to here;
//   - from Submit to its completion a buffer belongs to the reader; after an error its contents are
//     anything. Nothing outside of the buffer's first WidenedBytes() bytes is written;
//   - at most `in_flight` reads are with the kernel. The others wait, urgent ones in front, and get
//     their turn within Submit, Poll and Wait: there is no thread that would do it meanwhile;
//   - memory is bounded by `capacity` reads.
// It checks no checksums and knows nothing of what it reads.
//
// Thread-safe, but for destruction and RegisterBuffers. Destruction drops the reads that wait and
// blocks until the kernel is done with the others, so buffers and file must live until then.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "offload/read_backend.h"

namespace ebb {

inline constexpr uint64_t kReadAlignment =
    4096;  // bytes: of buffers, and of what the disk is asked

// The bytes of a buffer that a read of [offset, offset + bytes) needs: the range widened to
// multiples of kReadAlignment.
[[nodiscard]] uint64_t WidenedBytes(uint64_t offset, uint64_t bytes);

struct ReadRequest {
  uint64_t tag = 0;     // the caller's own, given back
  uint64_t offset = 0;  // of the wanted bytes in the file
  uint64_t bytes = 0;   // wanted; 0 is done at once
  // Aligned to kReadAlignment, WidenedBytes(offset, bytes) or more.
  std::span<std::byte> buffer;
  bool urgent = false;  // before all waiting reads that are not
};

struct ReadCompletion {
  uint64_t tag = 0;
  // The wanted bytes, within the buffer: at offset % kReadAlignment.
  Result<std::span<std::byte>> bytes;
  // When Submit took it, when the kernel got it, and when it was known to be done: with io_uring
  // that is when somebody looked.
  ReadTime submitted;
  ReadTime started;
  ReadTime finished;
};

enum class ReadMethod {
  kAuto,     // io_uring if the kernel has it and the file can be opened with O_DIRECT, else pread;
             // the environment's EBB_READS=io_uring or EBB_READS=pread decides otherwise
  kIoUring,  // or an error
  kPread,    // a pool of threads
};

struct AsyncReaderOptions {
  uint32_t in_flight = 16;  // reads with the kernel at a time, 1 to 1024
  uint32_t capacity = 256;  // reads submitted and not given out, at least in_flight
  ReadMethod method = ReadMethod::kAuto;
  // A read that gets nothing but EINTR and EAGAIN for so long has failed.
  std::chrono::milliseconds stall_limit{5000};
};

class AsyncReader {
 public:
  // `file` must outlive the reader. kUnsupported if the kernel refuses the method that was asked
  // for.
  [[nodiscard]] static Result<std::unique_ptr<AsyncReader>> Open(
      const File& file, const AsyncReaderOptions& options = {});
  // Over a backend of the caller's. `direct`: its steps are to be aligned.
  [[nodiscard]] static std::unique_ptr<AsyncReader> Over(const File& file,
                                                         const AsyncReaderOptions& options,
                                                         std::unique_ptr<ReadBackend> backend,
                                                         bool direct);
  ~AsyncReader();
  AsyncReader(const AsyncReader&) = delete;
  AsyncReader& operator=(const AsyncReader&) = delete;

  // Lets the kernel keep hold of the memory that later reads go into, which saves work with each
  // read (io_uring; it then counts as locked and resident). Best whole PageBuffers, not many
  // pieces. Only while no read is submitted. False if it made no difference; reads work either way.
  bool RegisterBuffers(std::span<const std::span<std::byte>> buffers);

  // False, and nothing happens, while `capacity` reads are not given out yet. A range that no file
  // can have is the read's own error.
  [[nodiscard]] bool Submit(const ReadRequest& request);

  // A finished read, if there is one.
  [[nodiscard]] std::optional<ReadCompletion> Poll();
  // The next finished read; nothing if there is none to wait for.
  [[nodiscard]] std::optional<ReadCompletion> Wait();

  // Takes back a read that still waits for its turn: it ends as kCancelled. False if there is none
  // of this tag; one that is with the kernel goes on.
  bool Cancel(uint64_t tag);

  // Reads submitted and not given out.
  [[nodiscard]] size_t outstanding() const;
  [[nodiscard]] bool direct() const;
  // "io_uring, O_DIRECT, registered buffers".
  [[nodiscard]] std::string Describe() const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  struct Waiting {
    ReadRequest request;
    ReadTime submitted;
  };
  // A read that is with the kernel.
  struct Slot {
    ReadRequest request;
    bool direct = false;  // its next step
    bool cached = false;  // some of it went through the page cache
    uint64_t first = 0;   // in the file: where the buffer begins
    uint64_t done = 0;    // bytes from there
    ReadTime submitted;
    ReadTime started;
    std::optional<ReadTime> stalled;  // since when it gets nowhere
  };

  AsyncReader(const File& file, const AsyncReaderOptions& options);

  void StartWaiting();
  void StartStep(uint32_t slot);
  void ReapOnce(Lock& lock, bool wait);
  void Accept(const ReadAnswer& answer);
  [[nodiscard]] Status Progress(Slot& slot, const ReadAnswer& answer);
  void End(const ReadRequest& request, Status status, ReadTime submitted, ReadTime started,
           ReadTime finished);
  std::optional<ReadCompletion> Take();

  const File& file_;
  const AsyncReaderOptions options_;
  int direct_descriptor_ = -1;  // ours

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // completed_, reaping_ or the reads outstanding
  bool direct_ = false;
  bool registered_ = false;
  bool closing_ = false;
  bool reaping_ = false;         // somebody waits for the kernel, for all
  bool nothing_starts_ = false;  // the last answers were all EAGAIN
  size_t in_flight_ = 0;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  std::deque<Waiting> urgent_;
  std::deque<Waiting> waiting_;
  std::deque<ReadCompletion> completed_;
  std::vector<ReadAnswer> answers_;       // of whoever is reaping
  std::unique_ptr<ReadBackend> backend_;  // goes first
};

}  // namespace ebb
