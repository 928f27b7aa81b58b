#include "offload/async_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include "base/checked.h"

namespace ebb {
namespace {

constexpr uint64_t kMaxStepBytes = uint64_t{1} << 30;
constexpr uint64_t kMaxOffset = uint64_t{1} << 62;
constexpr std::chrono::microseconds kPause{200};  // before what the kernel had no room for

constexpr uint64_t AlignDown(uint64_t value) { return value & ~(kReadAlignment - 1); }

// The open file once more, without the page cache: by its descriptor, for its name may be another
// file's by now.
int OpenDirect(const File& file) {
  return open(fmt::format("/proc/self/fd/{}", file.descriptor()).c_str(),
              O_RDONLY | O_CLOEXEC | O_DIRECT);
}

Result<ReadMethod> MethodOf(const AsyncReaderOptions& options) {
  const char* const wanted = std::getenv("EBB_READS");
  if (options.method != ReadMethod::kAuto || wanted == nullptr || *wanted == '\0') {
    return options.method;
  }
  if (std::string_view(wanted) == "io_uring") return ReadMethod::kIoUring;
  if (std::string_view(wanted) == "pread") return ReadMethod::kPread;
  return MakeError(ErrorCode::kInvalidArgument, "EBB_READS", "\"{}\" is neither io_uring nor pread",
                   wanted);
}

}  // namespace

uint64_t WidenedBytes(uint64_t offset, uint64_t bytes) {
  return AlignUp(offset % kReadAlignment + bytes, kReadAlignment);
}

AsyncReader::AsyncReader(const File& file, const AsyncReaderOptions& options)
    : file_(file), options_(options), slots_(options.in_flight) {
  EBB_CHECK(options.in_flight >= 1 && options.in_flight <= 1024 &&
            options.capacity >= options.in_flight);
  for (uint32_t slot = options.in_flight; slot > 0; --slot) free_slots_.push_back(slot - 1);
}

Result<std::unique_ptr<AsyncReader>> AsyncReader::Open(const File& file,
                                                       const AsyncReaderOptions& options) {
  EBB_TRY_ASSIGN(const ReadMethod method, MethodOf(options));
  std::unique_ptr<AsyncReader> reader(new AsyncReader(file, options));
  reader->direct_descriptor_ = OpenDirect(file);
  reader->direct_ = reader->direct_descriptor_ >= 0;
  const ReadDescriptors descriptors{file.descriptor(), reader->direct_descriptor_};
  // Through the page cache io_uring has no advantage: it would block, or use threads of its own.
  if (method == ReadMethod::kIoUring || (method == ReadMethod::kAuto && reader->direct_)) {
    auto made = MakeIoUringBackend(descriptors, options.in_flight);
    if (made) {
      reader->backend_ = std::move(*made);
    } else if (method == ReadMethod::kIoUring) {
      return tl::unexpected(std::move(made).error());
    }
  }
  if (reader->backend_ == nullptr) {
    reader->backend_ = MakePreadBackend(descriptors, options.in_flight);
  }
  return reader;
}

std::unique_ptr<AsyncReader> AsyncReader::Over(const File& file, const AsyncReaderOptions& options,
                                               std::unique_ptr<ReadBackend> backend, bool direct) {
  std::unique_ptr<AsyncReader> reader(new AsyncReader(file, options));
  reader->backend_ = std::move(backend);
  reader->direct_ = direct;
  return reader;
}

AsyncReader::~AsyncReader() {
  {
    Lock lock(mutex_);
    closing_ = true;
    while (in_flight_ > 0) ReapOnce(lock, true);
  }
  backend_.reset();
  if (direct_descriptor_ >= 0) close(direct_descriptor_);
}

bool AsyncReader::RegisterBuffers(std::span<const std::span<std::byte>> buffers) {
  const std::lock_guard lock(mutex_);
  EBB_CHECK(in_flight_ == 0 && urgent_.empty() && waiting_.empty());
  registered_ = backend_->RegisterBuffers(buffers);
  return registered_;
}

bool AsyncReader::Submit(const ReadRequest& request) {
  EBB_CHECK(reinterpret_cast<uintptr_t>(request.buffer.data()) % kReadAlignment == 0);
  const ReadTime now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  const size_t taken = in_flight_ + urgent_.size() + waiting_.size() + completed_.size();
  if (taken >= options_.capacity) return false;
  if (!RangeFits(request.offset, request.bytes, kMaxOffset)) {
    End(request,
        MakeError(ErrorCode::kInvalidArgument, file_.path(), "no file has {} bytes at offset {}",
                  request.bytes, request.offset),
        now, now, now);
  } else if (request.bytes == 0) {
    End(request, {}, now, now, now);
  } else {
    EBB_CHECK(request.buffer.size() >= WidenedBytes(request.offset, request.bytes));
    (request.urgent ? urgent_ : waiting_).push_back({request, now});
    StartWaiting();
  }
  return true;
}

std::optional<ReadCompletion> AsyncReader::Poll() {
  Lock lock(mutex_);
  if (completed_.empty() && in_flight_ > 0 && !reaping_) ReapOnce(lock, false);
  return Take();
}

std::optional<ReadCompletion> AsyncReader::Wait() {
  Lock lock(mutex_);
  // One of those who wait asks the kernel, the others wait for that one.
  while (completed_.empty() && in_flight_ > 0) {
    if (reaping_) {
      changed_.wait(lock);
    } else {
      ReapOnce(lock, true);
    }
  }
  return Take();
}

bool AsyncReader::Cancel(uint64_t tag) {
  const std::lock_guard lock(mutex_);
  for (std::deque<Waiting>* queue : {&urgent_, &waiting_}) {
    const auto found = std::find_if(queue->begin(), queue->end(),
                                    [&](const Waiting& w) { return w.request.tag == tag; });
    if (found == queue->end()) continue;
    const ReadTime now = std::chrono::steady_clock::now();
    End(found->request,
        MakeError(ErrorCode::kCancelled, file_.path(), "the read at offset {} was cancelled",
                  found->request.offset),
        found->submitted, now, now);
    queue->erase(found);
    return true;
  }
  return false;
}

size_t AsyncReader::outstanding() const {
  const std::lock_guard lock(mutex_);
  return in_flight_ + urgent_.size() + waiting_.size() + completed_.size();
}

bool AsyncReader::direct() const {
  const std::lock_guard lock(mutex_);
  return direct_;
}

std::string AsyncReader::Describe() const {
  const std::lock_guard lock(mutex_);
  return backend_->Name() + (direct_ ? ", O_DIRECT" : ", page cache") +
         (registered_ ? ", registered buffers" : "");
}

void AsyncReader::StartWaiting() {
  if (closing_) return;
  while (!free_slots_.empty() && !(urgent_.empty() && waiting_.empty())) {
    std::deque<Waiting>& queue = urgent_.empty() ? waiting_ : urgent_;
    const uint32_t number = free_slots_.back();
    free_slots_.pop_back();
    slots_[number] = {queue.front().request,
                      direct_,
                      false,
                      AlignDown(queue.front().request.offset),
                      0,
                      queue.front().submitted,
                      std::chrono::steady_clock::now(),
                      std::nullopt};
    queue.pop_front();
    ++in_flight_;
    StartStep(number);
  }
}

void AsyncReader::StartStep(uint32_t number) {
  Slot& slot = slots_[number];
  const ReadRequest& request = slot.request;
  slot.cached |= !slot.direct;
  // Through the page cache the wanted bytes are enough.
  const uint64_t end = slot.direct ? WidenedBytes(request.offset, request.bytes)
                                   : request.offset - slot.first + request.bytes;
  backend_->Start({number, slot.direct, slot.first + slot.done,
                   request.buffer.subspan(slot.done, std::min(end - slot.done, kMaxStepBytes))});
}

// Asks the kernel for answers, with the lock given up meanwhile, and sees to them.
void AsyncReader::ReapOnce(Lock& lock, bool wait) {
  reaping_ = true;
  const bool pause = wait && nothing_starts_;
  const bool with_kernel = backend_->Flush();
  lock.unlock();
  answers_.clear();
  if (pause || (wait && !with_kernel)) std::this_thread::sleep_for(kPause);
  if (with_kernel) backend_->Reap(wait, &answers_);
  lock.lock();
  nothing_starts_ = !answers_.empty();
  for (const ReadAnswer& answer : answers_) {
    nothing_starts_ = nothing_starts_ && answer.result == -EAGAIN;
    Accept(answer);
  }
  StartWaiting();
  reaping_ = false;
  changed_.notify_all();
}

void AsyncReader::Accept(const ReadAnswer& answer) {
  Slot& slot = slots_[answer.slot];
  Status status = Progress(slot, answer);
  const uint64_t wanted = slot.request.offset - slot.first + slot.request.bytes;
  if (status && slot.done < wanted && !closing_) {
    StartStep(answer.slot);
    return;
  }
  if (slot.cached) file_.DropCache(slot.first, wanted);
  --in_flight_;
  free_slots_.push_back(answer.slot);
  End(slot.request, std::move(status), slot.submitted, slot.started, answer.at);
}

// What an answer means for its read: that it came further, that its next step has to be another, or
// that it failed.
Status AsyncReader::Progress(Slot& slot, const ReadAnswer& answer) {
  const ReadRequest& request = slot.request;
  if (answer.result > 0) {
    slot.done += static_cast<uint64_t>(answer.result);
    slot.stalled.reset();
    // Short, and not by whole pages: the end of the file is near, and the rest, if there is one,
    // cannot be asked for with O_DIRECT.
    if (slot.done % kReadAlignment != 0) slot.direct = false;
    return {};
  }
  if (answer.result == 0) {
    return MakeError(ErrorCode::kCorrupt, file_.path(),
                     "truncated: {} bytes wanted at offset {}, the file ends at {}", request.bytes,
                     request.offset, slot.first + slot.done);
  }
  const auto error = static_cast<int>(-answer.result);
  if (error == EINVAL && slot.direct) {
    direct_ = false;  // opened with O_DIRECT, but not to be read with it: not at this alignment
    slot.direct = false;
    return {};
  }
  if (error == EINTR || error == EAGAIN) {
    if (!slot.stalled) slot.stalled = answer.at;
    if (answer.at - *slot.stalled < options_.stall_limit) return {};
  }
  return MakeError(ErrorCode::kIo, file_.path(), "cannot read {} bytes at offset {}: {}",
                   request.bytes, request.offset, std::strerror(error));
}

void AsyncReader::End(const ReadRequest& request, Status status, ReadTime submitted,
                      ReadTime started, ReadTime finished) {
  ReadCompletion read{request.tag, {}, submitted, started, finished};
  if (!status) {
    read.bytes = tl::unexpected(std::move(status).error());
  } else if (request.bytes > 0) {
    read.bytes = request.buffer.subspan(request.offset % kReadAlignment, request.bytes);
  }
  completed_.push_back(std::move(read));
  changed_.notify_all();
}

std::optional<ReadCompletion> AsyncReader::Take() {
  if (completed_.empty()) return std::nullopt;
  std::optional<ReadCompletion> read = std::move(completed_.front());
  completed_.pop_front();
  return read;
}

}  // namespace ebb
