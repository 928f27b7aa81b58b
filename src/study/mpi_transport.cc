// The transport over MPI, if the build has it: non-blocking sends, and probes that do not wait, so
// that an idle rank leaves its processor to its workers.
#include <cstdlib>

#include "study/transport.h"

#ifdef EBB_HAS_MPI
#include <mpi.h>
#include <unistd.h>

#include <list>
#endif

namespace ebb {

bool StartedAsRank() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && std::atoi(value) > 1) return true;
  }
  return false;
}

#ifdef EBB_HAS_MPI
namespace {

constexpr int kTag = 1;
constexpr int kLastMilliseconds = 2000;  // for messages to ranks that may be dead

class MpiTransport final : public Transport {
 public:
  MpiTransport() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks_);
    // A failed call is for us to see, not a reason to end the process.
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  }

  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }

  Status Send(int to, std::string bytes) override {
    Reap();
    sending_.push_back({std::move(bytes), MPI_REQUEST_NULL});
    Sending& last = sending_.back();
    const int code = MPI_Isend(last.bytes.data(), static_cast<int>(last.bytes.size()), MPI_BYTE, to,
                               kTag, MPI_COMM_WORLD, &last.request);
    if (code != MPI_SUCCESS) sending_.pop_back();  // the rank is gone: it will be missed
    return {};
  }

  Result<std::optional<Envelope>> Receive() override {
    Reap();
    int there = 0;
    MPI_Message message;
    MPI_Status status;
    EBB_TRY(Check(MPI_Improbe(MPI_ANY_SOURCE, kTag, MPI_COMM_WORLD, &there, &message, &status),
                  "receive"));
    if (there == 0) return std::optional<Envelope>();
    int size = 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    Envelope envelope = {status.MPI_SOURCE, std::string(static_cast<size_t>(size), '\0')};
    EBB_TRY(Check(MPI_Mrecv(envelope.bytes.data(), size, MPI_BYTE, &message, &status), "receive"));
    return std::optional<Envelope>(std::move(envelope));
  }

  std::vector<int> Gone() const override { return {}; }

  void Close(bool after_losses) override {
    if (after_losses) {
      // MPI_Finalize would wait for the dead: leave without it, but not before the living have what
      // was sent to them. What is still under way then belongs to MPI until the process ends.
      for (int i = 0; i < kLastMilliseconds && !sending_.empty(); ++i) {
        usleep(1000);
        Reap();
      }
      static std::list<Sending> abandoned;
      abandoned.splice(abandoned.end(), sending_);
      return;
    }
    while (!sending_.empty()) Reap();  // nobody is known to be dead
    MPI_Finalize();
  }

 private:
  struct Sending {
    std::string bytes;
    MPI_Request request;
  };

  static Status Check(int code, const char* what) {
    if (code == MPI_SUCCESS) return {};
    char text[MPI_MAX_ERROR_STRING] = "";
    int size = 0;
    MPI_Error_string(code, text, &size);
    return MakeError(ErrorCode::kIo, "MPI", "cannot {}: {}", what, text);
  }

  // Forgets what has been sent.
  void Reap() {
    for (auto it = sending_.begin(); it != sending_.end();) {
      int done = 0;
      if (MPI_Test(&it->request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) done = 1;
      it = done != 0 ? sending_.erase(it) : std::next(it);
    }
  }

  int rank_ = 0;
  int ranks_ = 1;
  std::list<Sending> sending_;
};

}  // namespace

Result<std::unique_ptr<Transport>> MakeMpiTransport() {
  int provided = 0;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
      provided < MPI_THREAD_FUNNELED) {
    return MakeError(ErrorCode::kUnsupported, "MPI", "it cannot be used beside threads");
  }
  return std::unique_ptr<Transport>(std::make_unique<MpiTransport>());
}

#else

Result<std::unique_ptr<Transport>> MakeMpiTransport() {
  return MakeError(ErrorCode::kUnsupported, "MPI",
                   "this build has none: install libopenmpi-dev and build again, or run in one "
                   "process");
}

#endif

}  // namespace ebb
