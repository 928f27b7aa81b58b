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

// What a worker holds besides the engine and the logits that it keeps: the experts of a cell and
// what measuring takes.
uint64_t WorkBytes(const StudyInputs& inputs, int threads) {
  uint64_t experts = 0;
  for (const Cell& cell : inputs.cells.cells) {
    experts = std::max(experts, InjectedBytes(cell.specs, inputs.config, threads));
  }
  return experts + KlMeter::PassBytes(inputs);
}

// Opens a worker within its share of the cap: a quarter of what its work leaves is for logits that
// are kept, or nothing if the engine needs it all.
Result<std::unique_ptr<StudyWorker>> OpenWithin(const StudyInputs& inputs, uint64_t share,
                                                int workers, WorkerOptions* options) {
  const uint64_t work = WorkBytes(inputs, options->threads);
  options->memory_cap_bytes = share;
  if (work < share) {
    options->reference_bytes = std::min(options->reference_bytes, (share - work) / 4);
    options->reserved_bytes = work + options->reference_bytes;
    auto worker = StudyWorker::Open(inputs, *options);
    if (worker || worker.error().code != ErrorCode::kOutOfMemory) return worker;
  }
  options->reference_bytes = 0;
  options->reserved_bytes = work;
  auto worker = StudyWorker::Open(inputs, *options);
  if (worker || worker.error().code != ErrorCode::kOutOfMemory) return worker;
  Error error = worker.error();
  error.message += fmt::format(
      "; that is what each of {} worker(s) needs, of which {} for the perturbed experts and logits "
      "of a cell: allow more, take fewer --threads, perturb fewer experts at once, or lower batch "
      "in the study file",
      workers, FormatSize(work));
  return tl::unexpected(std::move(error));
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
  uint64_t reference_bytes = 0;
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
  auto state = std::make_unique<State>();
  state->work.resize(static_cast<size_t>(workers));
  if (options.memory_cap_bytes) {
    const uint64_t share = *options.memory_cap_bytes / static_cast<uint64_t>(workers);
    EBB_TRY_ASSIGN(auto first, OpenWithin(inputs, share, workers, &each));
    state->workers.push_back(std::move(first));
  }
  while (state->workers.size() < static_cast<size_t>(workers)) {
    EBB_TRY_ASSIGN(auto worker, StudyWorker::Open(inputs, each));
    state->workers.push_back(std::move(worker));
  }
  state->reference_bytes = each.reference_bytes;
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

uint64_t WorkerPool::reference_bytes() const { return state_->reference_bytes; }

int WorkerPool::size() const { return static_cast<int>(state_->workers.size()); }

Status WorkerPool::Give(int64_t worker, Unit unit) {
  if (worker < 0 || worker >= size()) {
    return MakeError(ErrorCode::kCorrupt, "message", "work for worker {} of {}", worker, size());
  }
  const std::lock_guard lock(state_->mutex);
  state_->work[static_cast<size_t>(worker)].push_back(std::move(unit));
  state_->work_arrived.notify_all();
  return {};
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
