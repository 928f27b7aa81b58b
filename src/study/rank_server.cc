// The ranks other than 0: they take work from rank 0 and send back what their workers find.
#include <unistd.h>

#include <algorithm>

#include "study/coordinator.h"
#include "study/liveness.h"
#include "study/program.h"

namespace ebb {
namespace {

// A rank other than 0.
class Server {
 public:
  Server(const StudyInputs& inputs, Transport& transport, const StudyRunOptions& options)
      : inputs_(inputs), transport_(transport), options_(options) {}

  // Whether ranks were lost.
  Result<bool> Run() {
    // Who this is, before the model is read: so that its death is noticed from now on.
    EBB_TRY(Introduce(MessageKind::kBeat, 0));
    while (!stopped_) {
      EBB_TRY_ASSIGN(const bool heard, TakeMessages());
      EBB_TRY_ASSIGN(const bool found, SendResults());
      EBB_TRY(Watch());
      if (heard || found || stopped_) continue;
      if (pool_ != nullptr) {
        pool_->Wait(2);
      } else {
        usleep(2000);
      }
    }
    return lost_ranks_;
  }

  // After a failure.
  void Report(const Error& error) {
    pool_.reset();
    if (!coordinator_gone_) ReportUselessRank(transport_, error, options_.silence_seconds);
  }

 private:
  Result<bool> TakeMessages() {
    bool any = false;
    while (!stopped_) {
      EBB_TRY_ASSIGN(auto envelope, transport_.Receive());
      if (!envelope) break;
      any = true;
      heard_ = Clock::now();
      EBB_TRY_ASSIGN(Message message, Unpack(envelope->bytes));
      EBB_TRY(Handle(std::move(message)));
    }
    return any;
  }

  Result<bool> SendResults() {
    bool any = false;
    while (pool_ != nullptr && !stopped_) {
      const auto message = pool_->Take();
      if (!message) break;
      any = true;
      EBB_TRY(transport_.Send(0, Pack(*message)));
    }
    return any;
  }

  Status Handle(Message message) {
    switch (message.kind) {
      case MessageKind::kHello:
        return Ready(message);
      case MessageKind::kWork:
        if (!message.unit || pool_ == nullptr) {
          return MakeError(ErrorCode::kCorrupt, "message", "work before a greeting");
        }
        has_worked_ = true;
        return pool_->Give(message.worker, std::move(*message.unit));
      case MessageKind::kStop:
        stopped_ = true;
        lost_ranks_ = message.number != 0;
        return {};
      default:
        return {};
    }
  }

  Status Ready(const Message& hello) {
    const Greeting greeting = ReadGreeting(hello.text);
    if (greeting.host == HostName()) coordinator_pid_ = hello.pid;
    if (greeting.program != ThisProgram()) {
      return MakeError(ErrorCode::kInvalidArgument, "program",
                       "it is ebb {}, rank 0's is {}, so that the last bits of results would "
                       "depend on who does what: start one version on machines of one kind",
                       ThisProgram(), greeting.program);
    }
    if (greeting.study != inputs_.Fingerprint()) {
      return MakeError(ErrorCode::kInvalidArgument, inputs_.file.path,
                       "the study, the model or the data are other than rank 0's");
    }
    WorkerPoolOptions pool;
    pool.threads = options_.threads;
    pool.memory_cap_bytes = options_.memory_cap_bytes;
    EBB_TRY_ASSIGN(pool_, WorkerPool::Open(inputs_, pool));
    return Introduce(MessageKind::kReady, pool_->size());
  }

  Status Introduce(MessageKind kind, int64_t workers) {
    Message message;
    message.kind = kind;
    message.text = HostName();
    message.number = workers;
    message.pid = getpid();
    return transport_.Send(0, Pack(message));
  }

  Status Watch() {
    const double patience = options_.silence_seconds * (has_worked_ ? 2 : kStartPatience);
    const bool silent = SecondsSince(heard_) > patience;
    const auto gone = transport_.Gone();
    if (silent || ProcessIsGone(coordinator_pid_) ||
        std::find(gone.begin(), gone.end(), 0) != gone.end()) {
      coordinator_gone_ = true;
      return MakeError(ErrorCode::kIo, "rank 0", "it is gone: run the study again to go on");
    }
    if (SecondsSince(last_beat_) < kBeatSeconds) return {};
    last_beat_ = Clock::now();
    return transport_.Send(0, Pack(Message()));
  }

  const StudyInputs& inputs_;
  Transport& transport_;
  const StudyRunOptions& options_;
  std::unique_ptr<WorkerPool> pool_;
  int64_t coordinator_pid_ = 0;
  Clock::time_point heard_ = Clock::now();
  Clock::time_point last_beat_ = Clock::now();
  bool has_worked_ = false;  // before, rank 0 may be reading its model
  bool coordinator_gone_ = false;
  bool stopped_ = false;
  bool lost_ranks_ = false;
};

}  // namespace

Result<bool> ServeStudy(const StudyInputs& inputs, Transport& transport,
                        const StudyRunOptions& options) {
  Server server(inputs, transport, options);
  auto lost_ranks = server.Run();
  if (!lost_ranks) server.Report(lost_ranks.error());
  return lost_ranks;
}

void ReportUselessRank(Transport& transport, const Error& error, double silence_seconds) {
  Message message;
  message.kind = MessageKind::kFailed;
  message.text = error.ToString();
  message.pid = getpid();
  if (!transport.Send(0, Pack(message))) return;
  // Rank 0 may be reading a large model before it listens. Who leaves now may take all others with
  // it (mpirun ends them), before rank 0 has said why.
  const Clock::time_point start = Clock::now();
  while (SecondsSince(start) < kStartPatience * silence_seconds) {
    const auto envelope = transport.Receive();
    if (!envelope) return;
    if (*envelope) {
      const auto heard = Unpack((*envelope)->bytes);
      if (!heard || heard->kind == MessageKind::kStop) return;
      continue;
    }
    const auto gone = transport.Gone();
    if (std::find(gone.begin(), gone.end(), 0) != gone.end()) return;
    usleep(2000);
  }
}

}  // namespace ebb
