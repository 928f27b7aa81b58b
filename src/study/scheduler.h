// Which work is left, and who does what next.
//
// First the routers' statistics, block by block, because cells may choose experts by them; then the
// cells, a worker staying with a cell while it lasts, so that its experts are perturbed once. What
// a lost worker had not finished goes to others.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/error.h"
#include "study/inputs.h"
#include "study/store.h"
#include "study/wire.h"

namespace ebb {

// A worker of some rank.
struct WorkerId {
  int rank = 0;
  int64_t worker = 0;
  auto operator<=>(const WorkerId&) const = default;
};

class Scheduler {
 public:
  // `inputs` and `store` must outlive it.
  Scheduler(const StudyInputs& inputs, StudyStore& store) : inputs_(inputs), store_(store) {}

  // Looks up what is there already.
  [[nodiscard]] Status Start();

  // Something for a worker to do, or nothing now (or ever: see done()).
  [[nodiscard]] Result<std::optional<Unit>> Next(const WorkerId& worker);

  // What became of a unit. Rows of a unit that is not known any more are no mistake: they come from
  // a worker that was given up too early.
  void Received(int64_t unit_id, const std::vector<ResultRow>& rows);
  [[nodiscard]] std::optional<Unit> Finished(int64_t unit_id);
  void Lost(int rank);

  bool done() const { return pending_.empty() && running_.empty() && cells_planned_; }
  uint64_t items_done() const { return items_done_; }
  uint64_t items_total() const { return items_total_; }

 private:
  struct Running {
    Unit unit;
    WorkerId worker;
    std::set<int64_t> left;  // items without a result yet
  };

  Status PlanRouter();
  Status PlanCells();
  Status PlanCell(size_t cell, const std::vector<SelectionCounter>& selections);
  void AddUnits(Unit unit, std::vector<int64_t> items, size_t items_a_unit);
  std::deque<Unit>::iterator Choose(const WorkerId& worker);

  const StudyInputs& inputs_;
  StudyStore& store_;
  bool cells_planned_ = false;
  int64_t next_id_ = 1;
  std::deque<Unit> pending_;
  std::map<int64_t, Running> running_;
  std::map<WorkerId, int64_t> last_cell_;
  uint64_t items_done_ = 0;
  uint64_t items_total_ = 0;
};

}  // namespace ebb
