// Reads through io_uring: a queue of requests that the kernel shares with this process, so that
// many reads are in flight without a thread each.
#include <liburing.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/checked.h"
#include "offload/read_backend.h"

namespace ebb {
namespace {

// The kernel registers no larger piece than this at a time.
constexpr uint64_t kMaxRegisteredBytes = uint64_t{1} << 30;
constexpr size_t kMaxRegisteredBuffers = 1024;

class IoUringBackend final : public ReadBackend {
 public:
  IoUringBackend() = default;
  ~IoUringBackend() override {
    if (open_) io_uring_queue_exit(&ring_);
  }

  Status Open(const ReadDescriptors& descriptors, uint32_t in_flight);

  void Start(const ReadStep& step) override;
  bool Flush() override;
  void Reap(bool wait, std::vector<ReadAnswer>* answers) override;
  bool RegisterBuffers(std::span<const std::span<std::byte>> buffers) override;
  std::string Name() const override { return "io_uring"; }

 private:
  int RegisteredBuffer(std::span<const std::byte> to) const;
  void Take(io_uring_cqe* cqe, std::vector<ReadAnswer>* answers);

  io_uring ring_ = {};
  bool open_ = false;
  ReadDescriptors descriptors_;
  bool files_registered_ = false;
  std::vector<iovec> registered_;  // by rising address; an index is the kernel's number
  // Submission and completion are two queues: the first is used under the reader's lock, the second
  // by Reap alone. These counts belong to the first.
  uint64_t started_ = 0;
  uint64_t submitted_ = 0;
  std::atomic<uint64_t> answered_ = 0;
};

Status IoUringBackend::Open(const ReadDescriptors& descriptors, uint32_t in_flight) {
  const auto refused = [](int error) {
    return MakeError(ErrorCode::kUnsupported, "io_uring", "the kernel refuses it: {}",
                     std::strerror(error));
  };
  const int made = io_uring_queue_init(in_flight, &ring_, 0);
  if (made < 0) return refused(-made);
  open_ = true;
  io_uring_probe* const probe = io_uring_get_probe_ring(&ring_);
  const bool reads = probe != nullptr && io_uring_opcode_supported(probe, IORING_OP_READ) &&
                     io_uring_opcode_supported(probe, IORING_OP_READ_FIXED);
  io_uring_free_probe(probe);
  if (!reads) return refused(EOPNOTSUPP);
  descriptors_ = descriptors;
  const std::array<int, 2> files = {descriptors.buffered, descriptors.direct};
  files_registered_ = io_uring_register_files(&ring_, files.data(), files.size()) == 0;
  return {};
}

bool IoUringBackend::RegisterBuffers(std::span<const std::span<std::byte>> buffers) {
  if (!registered_.empty()) (void)io_uring_unregister_buffers(&ring_);
  registered_.clear();
  for (std::span<std::byte> buffer : buffers) {
    while (!buffer.empty()) {
      const auto piece = buffer.first(std::min(buffer.size(), kMaxRegisteredBytes));
      registered_.push_back({piece.data(), piece.size()});
      buffer = buffer.subspan(piece.size());
    }
  }
  std::sort(registered_.begin(), registered_.end(),
            [](const iovec& a, const iovec& b) { return a.iov_base < b.iov_base; });
  // Refused, for example, by a limit on locked memory: reads then name plain addresses.
  if (registered_.empty() || registered_.size() > kMaxRegisteredBuffers ||
      io_uring_register_buffers(&ring_, registered_.data(),
                                static_cast<unsigned>(registered_.size())) != 0) {
    registered_.clear();
  }
  return !registered_.empty();
}

// The number of the registered buffer that all of `to` lies in, or -1.
int IoUringBackend::RegisteredBuffer(std::span<const std::byte> to) const {
  const auto after = std::upper_bound(
      registered_.begin(), registered_.end(), to.data(),
      [](const std::byte* address, const iovec& b) { return address < b.iov_base; });
  if (after == registered_.begin()) return -1;
  const iovec& buffer = *std::prev(after);
  const auto offset = static_cast<uint64_t>(to.data() - static_cast<std::byte*>(buffer.iov_base));
  if (!RangeFits(offset, to.size(), buffer.iov_len)) return -1;
  return static_cast<int>(std::prev(after) - registered_.begin());
}

void IoUringBackend::Start(const ReadStep& step) {
  io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
  EBB_CHECK(sqe != nullptr);  // the queue has room for all slots
  const int file = files_registered_ ? int{step.direct}
                                     : (step.direct ? descriptors_.direct : descriptors_.buffered);
  const int buffer = RegisteredBuffer(step.to);
  const auto size = static_cast<unsigned>(step.to.size());
  if (buffer >= 0) {
    io_uring_prep_read_fixed(sqe, file, step.to.data(), size, step.offset, buffer);
  } else {
    io_uring_prep_read(sqe, file, step.to.data(), size, step.offset);
  }
  if (files_registered_) sqe->flags |= IOSQE_FIXED_FILE;
  io_uring_sqe_set_data64(sqe, step.slot);
  ++started_;
  (void)Flush();
}

bool IoUringBackend::Flush() {
  while (submitted_ < started_) {
    const int taken = io_uring_submit(&ring_);
    if (taken > 0) {
      submitted_ += static_cast<uint64_t>(taken);
      continue;
    }
    if (taken == -EINTR) continue;
    // Short of memory, or of room for answers: what is not taken waits in the queue.
    EBB_CHECK(taken == 0 || taken == -EAGAIN || taken == -EBUSY || taken == -ENOMEM);
    break;
  }
  return submitted_ > answered_;
}

void IoUringBackend::Take(io_uring_cqe* cqe, std::vector<ReadAnswer>* answers) {
  answers->push_back({static_cast<uint32_t>(io_uring_cqe_get_data64(cqe)), cqe->res,
                      std::chrono::steady_clock::now()});
  io_uring_cqe_seen(&ring_, cqe);
  ++answered_;
}

void IoUringBackend::Reap(bool wait, std::vector<ReadAnswer>* answers) {
  io_uring_cqe* cqe = nullptr;
  if (wait) {
    int error;
    do {
      error = io_uring_wait_cqe(&ring_, &cqe);
    } while (error == -EINTR || error == -EAGAIN);
    EBB_CHECK(error == 0);
    Take(cqe, answers);
  }
  while (io_uring_peek_cqe(&ring_, &cqe) == 0) Take(cqe, answers);
}

}  // namespace

Result<std::unique_ptr<ReadBackend>> MakeIoUringBackend(const ReadDescriptors& descriptors,
                                                        uint32_t in_flight) {
  auto backend = std::make_unique<IoUringBackend>();
  EBB_TRY(backend->Open(descriptors, in_flight));
  return backend;
}

}  // namespace ebb
