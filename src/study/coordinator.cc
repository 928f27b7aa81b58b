#include "study/coordinator.h"

#include <unistd.h>

#include <algorithm>
#include <map>

#include "study/liveness.h"
#include "study/program.h"
#include "study/scheduler.h"
#include "study/store.h"
#include "study/study_lock.h"

namespace ebb {
namespace {

constexpr int64_t kUnitsAhead = 2;  // given to a worker, so that it never waits for the next

// Rank 0's view of another rank.
struct RemoteRank {
  bool ready = false;
  bool lost = false;
  std::string host;
  int64_t pid = 0;
  int64_t workers = 0;
  Clock::time_point heard = Clock::now();
};

class Coordinator {
 public:
  Coordinator(const StudyInputs& inputs, Transport* transport, const StudyRunOptions& options)
      : inputs_(inputs), transport_(transport), options_(options), host_(HostName()) {
    if (transport != nullptr) remotes_.resize(static_cast<size_t>(transport->ranks()));
  }

  Result<StudyRunSummary> Run() {
    auto summary = Work();
    if (!summary) {
      // Workers first, which may take a moment to end: a rank that has been told to stop may end
      // this process (mpirun does that) before anyone has read why.
      pool_.reset();
      failed_ = true;
      static_cast<void>(Dismiss());
    }
    return summary;
  }

 private:
  Result<StudyRunSummary> Work() {
    EBB_TRY_ASSIGN(lock_, StudyLock::Take(inputs_.file.database));
    EBB_TRY_ASSIGN(store_, StudyStore::Open(inputs_));
    scheduler_.emplace(inputs_, *store_);
    EBB_TRY(scheduler_->Start());
    EBB_TRY(CompareProgram());
    if (!scheduler_->done()) EBB_TRY(Greet());
    WorkerPoolOptions pool;
    pool.threads = options_.threads;
    pool.memory_cap_bytes = options_.memory_cap_bytes;
    if (!scheduler_->done()) {
      EBB_TRY_ASSIGN(pool_, WorkerPool::Open(inputs_, pool));
      scheduler_->FitReferences(pool_->reference_bytes());
    }
    summary_.ranks = transport_ == nullptr ? 1 : transport_->ranks();
    summary_.workers = pool_ == nullptr ? 0 : pool_->size();
    EBB_TRY(store_->BeginRun(summary_.ranks, summary_.workers, host_));
    first_done_ = scheduler_->items_done();
    EBB_TRY(Loop());
    EBB_TRY(FindLateLosses());
    EBB_TRY(Dismiss());
    summary_.items_total = scheduler_->items_total();
    summary_.items_measured = scheduler_->items_done() - first_done_;
    summary_.seconds = SecondsSince(start_);
    return summary_;
  }

  // Goes on in any case: whoever asks for the same bits can start anew.
  Status CompareProgram() {
    if (scheduler_->done() || !options_.notice) return {};
    EBB_TRY_ASSIGN(const auto other, store_->OtherProgram());
    if (!other) return {};
    options_.notice(
        fmt::format("{}: an earlier run was of ebb {}, this is {}: results can differ in their "
                    "last bits from those that are there",
                    inputs_.file.database, *other, ThisProgram()));
    return {};
  }

  Status Send(int rank, MessageKind kind, std::string text = "") {
    Message message;
    message.kind = kind;
    message.text = std::move(text);
    message.pid = getpid();
    return transport_->Send(rank, Pack(message));
  }

  template <typename Body>
  Status ForRemotes(const Body& body) {
    for (int r = 1; transport_ != nullptr && r < transport_->ranks(); ++r) {
      if (!remotes_[static_cast<size_t>(r)].lost) EBB_TRY(body(r));
    }
    return {};
  }

  Status Greet() {
    const std::string greeting = GreetingText({ThisProgram(), inputs_.Fingerprint(), host_});
    return ForRemotes([&](int r) { return Send(r, MessageKind::kHello, greeting); });
  }
  // Whether all will end in good order goes with it: if not, nobody waits for all.
  Status Dismiss(int rank) {
    Message message;
    message.kind = MessageKind::kStop;
    message.number = failed_ || !summary_.lost_ranks.empty() ? 1 : 0;
    return transport_->Send(rank, Pack(message));
  }
  Status Dismiss() {
    return ForRemotes([&](int r) { return Dismiss(r); });
  }

  // Whoever has died by now is not waited for at the end; nor is who has never said a word.
  Status FindLateLosses() {
    last_beat_ = {};
    EBB_TRY(Watch());
    const auto is_unknown = [](const RemoteRank& rank) { return rank.host.empty() && !rank.lost; };
    const Clock::time_point start = Clock::now();
    while (transport_ != nullptr && SecondsSince(start) < options_.silence_seconds &&
           std::any_of(remotes_.begin() + 1, remotes_.end(), is_unknown)) {
      EBB_TRY_ASSIGN(const bool any, TakeRemote());
      for (const int rank : transport_->Gone()) EBB_TRY(Lose(rank, "its connection ended"));
      if (!any) usleep(2000);
    }
    return ForRemotes([&](int r) -> Status {
      if (!is_unknown(remotes_[static_cast<size_t>(r)])) return {};
      return Lose(r, "it has never said a word");
    });
  }

  Status Loop() {
    while (!scheduler_->done()) {
      EBB_TRY_ASSIGN(const bool local, TakeLocal());
      EBB_TRY_ASSIGN(const bool remote, TakeRemote());
      EBB_TRY(Write());
      EBB_TRY(Feed());
      EBB_TRY(Watch());
      if (options_.progress) {
        options_.progress({scheduler_->items_done(), scheduler_->items_total()});
      }
      if (!local && !remote) pool_->Wait(transport_ == nullptr ? 1000 : 2);
    }
    return {};
  }

  Result<bool> TakeLocal() {
    bool any = false;
    while (auto message = pool_->Take()) {
      any = true;
      EBB_TRY(Handle(0, std::move(*message)));
    }
    return any;
  }

  Result<bool> TakeRemote() {
    bool any = false;
    while (transport_ != nullptr) {
      EBB_TRY_ASSIGN(auto envelope, transport_->Receive());
      if (!envelope) break;
      any = true;
      auto message = Unpack(envelope->bytes);
      if (!message) return tl::unexpected(Error(message.error()).In(RankName(envelope->from)));
      remotes_[static_cast<size_t>(envelope->from)].heard = Clock::now();
      EBB_TRY(Handle(envelope->from, std::move(*message)));
    }
    return any;
  }

  std::string RankName(int rank) const {
    if (rank == 0) return "rank 0";
    const std::string& host = remotes_[static_cast<size_t>(rank)].host;
    return fmt::format("rank {}{}", rank, host.empty() ? "" : " (" + host + ")");
  }

  Status Handle(int rank, Message message) {
    // A rank that was given up may still be alive. What it has measured is as good as anyone's;
    // what becomes of it is nobody's business any more.
    const bool lost = rank > 0 && remotes_[static_cast<size_t>(rank)].lost;
    if (lost && message.kind != MessageKind::kRows) return {};
    switch (message.kind) {
      case MessageKind::kReady: {
        RemoteRank& remote = remotes_[static_cast<size_t>(rank)];
        remote.ready = true;
        remote.host = message.text;
        remote.pid = message.pid;
        remote.workers = message.number;
        summary_.workers += static_cast<int>(message.number);
        return {};
      }
      case MessageKind::kRows:
        scheduler_->Received(message.unit_id, message.rows);
        std::move(message.rows.begin(), message.rows.end(), std::back_inserter(unwritten_));
        return {};
      case MessageKind::kDone:
        if (rank > 0 && message.worker >= remotes_[static_cast<size_t>(rank)].workers) {
          return MakeError(ErrorCode::kCorrupt, RankName(rank), "it has no worker {}",
                           message.worker);
        }
        --ahead_[{rank, message.worker}];
        // Rows come before their unit's end, and are on disk before it is forgotten.
        EBB_TRY(Write());
        if (const auto unit = scheduler_->Finished(message.unit_id)) {
          return store_->AddTiming(rank, message.worker, unit->cell, unit->kind, message.number,
                                   message.seconds);
        }
        return {};
      case MessageKind::kFailed:
        EBB_TRY(Write());
        return MakeError(ErrorCode::kIo, rank == 0 && transport_ == nullptr ? "" : RankName(rank),
                         "{}", message.text);
      case MessageKind::kBeat:
        if (message.pid != 0) {
          remotes_[static_cast<size_t>(rank)].host = message.text;
          remotes_[static_cast<size_t>(rank)].pid = message.pid;
        }
        return {};
      default:
        return {};
    }
  }

  Status Write() {
    if (unwritten_.empty()) return {};
    EBB_TRY(store_->Add(unwritten_));
    unwritten_.clear();
    return {};
  }

  Status Feed() {
    // One unit each before anyone gets a second, so that the last ones are shared out.
    for (int64_t depth = 1; depth <= kUnitsAhead; ++depth) {
      for (int w = 0; w < pool_->size(); ++w) EBB_TRY(FeedWorker({0, w}, depth));
      EBB_TRY(ForRemotes([&](int r) -> Status {
        const RemoteRank& remote = remotes_[static_cast<size_t>(r)];
        for (int64_t w = 0; remote.ready && w < remote.workers; ++w) {
          EBB_TRY(FeedWorker({r, w}, depth));
        }
        return {};
      }));
    }
    return {};
  }

  Status FeedWorker(const WorkerId& id, int64_t depth) {
    if (ahead_[id] >= depth) return {};
    EBB_TRY_ASSIGN(auto unit, scheduler_->Next(id));
    if (!unit) return {};
    ++ahead_[id];
    if (id.rank == 0) return pool_->Give(id.worker, std::move(*unit));
    Message message;
    message.kind = MessageKind::kWork;
    message.worker = id.worker;
    message.unit = std::move(unit);
    return transport_->Send(id.rank, Pack(message));
  }

  // Beats, and looks for ranks that are gone.
  Status Watch() {
    if (transport_ == nullptr) return {};
    for (const int rank : transport_->Gone()) EBB_TRY(Lose(rank, "its connection ended"));
    if (SecondsSince(last_beat_) < kBeatSeconds) return {};
    last_beat_ = Clock::now();
    return ForRemotes([&](int r) -> Status {
      const RemoteRank& remote = remotes_[static_cast<size_t>(r)];
      if (remote.host == host_ && ProcessIsGone(remote.pid)) {
        return Lose(r, "its process is gone");
      }
      // Reading a large model takes its time; afterwards a rank beats every second.
      const double patience = options_.silence_seconds * (remote.ready ? 1 : kStartPatience);
      if (SecondsSince(remote.heard) > patience) return Lose(r, "it has fallen silent");
      return Send(r, MessageKind::kBeat);
    });
  }

  Status Lose(int rank, const std::string& reason) {
    RemoteRank& remote = remotes_[static_cast<size_t>(rank)];
    if (remote.lost) return {};
    remote.lost = true;
    summary_.lost_ranks.push_back(rank);
    EBB_TRY(Dismiss(rank));  // if it lives after all, it need not go on
    scheduler_->Lost(rank);
    if (options_.notice) {
      options_.notice(
          fmt::format("{} died ({}): the others take its work", RankName(rank), reason));
    }
    return store_->AddLoss(rank, remote.host, reason);
  }

  const StudyInputs& inputs_;
  Transport* const transport_;
  const StudyRunOptions& options_;
  const std::string host_;
  const Clock::time_point start_ = Clock::now();
  std::optional<StudyLock> lock_;  // until all else is gone
  std::unique_ptr<StudyStore> store_;
  std::optional<Scheduler> scheduler_;
  std::unique_ptr<WorkerPool> pool_;
  std::vector<RemoteRank> remotes_;
  std::map<WorkerId, int64_t> ahead_;  // units that a worker has
  std::vector<ResultRow> unwritten_;
  Clock::time_point last_beat_ = Clock::now();
  uint64_t first_done_ = 0;
  bool failed_ = false;
  StudyRunSummary summary_;
};

}  // namespace

void DismissRanks(Transport& transport) {
  Message message;
  message.kind = MessageKind::kStop;
  message.number = 1;  // nobody waits for anyone
  for (int r = 1; r < transport.ranks(); ++r) {
    static_cast<void>(transport.Send(r, Pack(message)));
  }
}

Result<StudyRunSummary> RunStudy(const StudyInputs& inputs, Transport* transport,
                                 const StudyRunOptions& options) {
  return Coordinator(inputs, transport, options).Run();
}

}  // namespace ebb
