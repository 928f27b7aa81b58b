#include "study/worker_pool.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/units.h"
#include "eval/injection.h"

namespace ebb {
namespace {

// Up to here a model counts as small: a copy a thread costs nothing that matters.
constexpr uint64_t kSmallModelBytes = uint64_t{256} << 20;

// Cuts one worker's share of the cap into perturbed experts, logits of the unperturbed model, and
// the engine.
Status ShareMemory(const StudyInputs& inputs, uint64_t share, WorkerOptions* worker) {
  uint64_t experts = 0;
  for (const Cell& cell : inputs.cells.cells) {
    experts = std::max(experts, InjectedBytes(cell.specs, inputs.config, worker->threads));
  }
  if (experts >= share) {
    return MakeError(ErrorCode::kOutOfMemory, "--memory",
                     "the perturbed experts of a cell take {}, and a worker's share is {}: allow "
                     "more, or perturb fewer experts at once",
                     FormatSize(experts), FormatSize(share));
  }
  worker->reference_bytes = std::min(worker->reference_bytes, (share - experts) / 4);
  worker->memory_cap_bytes = share - experts - worker->reference_bytes;
  return {};
}

}  // namespace

struct WorkerPool::State {
  std::mutex mutex;
  std::condition_variable work_arrived;
  std::condition_variable message_arrived;
  std::vector<std::deque<Unit>> work;  // of each worker
  std::deque<Message> messages;
  bool closing = false;
  std::vector<std::unique_ptr<StudyWorker>> workers;
  std::vector<std::thread> threads;

  // False when nobody wants messages any more.
  bool Post(Message message) {
    const std::lock_guard lock(mutex);
    messages.push_back(std::move(message));
    message_arrived.notify_one();
    return !closing;
  }

  void Loop(int worker) {
    while (true) {
      Unit unit;
      {
        std::unique_lock lock(mutex);
        auto& mine = work[static_cast<size_t>(worker)];
        work_arrived.wait(lock, [&] { return closing || !mine.empty(); });
        if (closing) return;
        unit = std::move(mine.front());
        mine.pop_front();
      }
      RunUnit(worker, unit);
    }
  }

  void RunUnit(int worker, const Unit& unit) {
    const auto start = std::chrono::steady_clock::now();
    Message message;
    message.worker = worker;
    message.unit_id = unit.id;
    const Status status =
        workers[static_cast<size_t>(worker)]->Run(unit, [&](std::vector<ResultRow> rows) -> Status {
          Message found;
          found.kind = MessageKind::kRows;
          found.worker = worker;
          found.unit_id = unit.id;
          found.rows = std::move(rows);
          if (Post(std::move(found))) return {};
          return MakeError(ErrorCode::kCancelled, "", "the study ends");
        });
    message.kind = status ? MessageKind::kDone : MessageKind::kFailed;
    if (!status) message.text = status.error().ToString();
    message.number = static_cast<int64_t>(unit.items.size());
    message.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    Post(std::move(message));
  }
};

Result<std::unique_ptr<WorkerPool>> WorkerPool::Open(const StudyInputs& inputs,
                                                     const WorkerPoolOptions& options) {
  const int threads = ThreadPool(options.threads).threads();
  const bool small = inputs.model_bytes <= kSmallModelBytes;
  const int workers = small ? threads : 1;
  WorkerOptions each;
  each.threads = small ? 1 : threads;
  each.reference_bytes /= static_cast<uint64_t>(workers);
  if (options.memory_cap_bytes) {
    EBB_TRY(ShareMemory(inputs, *options.memory_cap_bytes / static_cast<uint64_t>(workers), &each));
  }
  auto state = std::make_unique<State>();
  state->work.resize(static_cast<size_t>(workers));
  for (int w = 0; w < workers; ++w) {
    EBB_TRY_ASSIGN(auto worker, StudyWorker::Open(inputs, each));
    state->workers.push_back(std::move(worker));
  }
  for (int w = 0; w < workers; ++w) {
    state->threads.emplace_back([pool = state.get(), w] { pool->Loop(w); });
  }
  return std::unique_ptr<WorkerPool>(new WorkerPool(std::move(state)));
}

WorkerPool::WorkerPool(std::unique_ptr<State> state) : state_(std::move(state)) {}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closing = true;
    state_->work_arrived.notify_all();
  }
  for (std::thread& thread : state_->threads) thread.join();
}

int WorkerPool::size() const { return static_cast<int>(state_->workers.size()); }

void WorkerPool::Give(int worker, Unit unit) {
  const std::lock_guard lock(state_->mutex);
  state_->work[static_cast<size_t>(worker)].push_back(std::move(unit));
  state_->work_arrived.notify_all();
}

std::optional<Message> WorkerPool::Take() {
  const std::lock_guard lock(state_->mutex);
  if (state_->messages.empty()) return std::nullopt;
  Message message = std::move(state_->messages.front());
  state_->messages.pop_front();
  return message;
}

void WorkerPool::Wait(int milliseconds) {
  std::unique_lock lock(state_->mutex);
  state_->message_arrived.wait_for(lock, std::chrono::milliseconds(milliseconds),
                                   [&] { return !state_->messages.empty(); });
}

}  // namespace ebb
