// Which work is left, and who does what next.
//
// First the routers' statistics, block by block, because cells may choose experts by them; then the
// cells, a worker staying with a cell while it lasts, so that its experts are perturbed once. Where
// a worker cannot keep the unperturbed model's logits of all items, it stays with some items
// instead, until all cells have been measured on them. What a lost worker had not finished goes to
// others.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
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

  // How many bytes of the unperturbed model's logits a worker keeps (KlMeter): divergence is then
  // handed out by groups of items that fit.
  void FitReferences(uint64_t bytes);

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
  // Items whose reference a worker holds at once: data set and number; none for items that do not
  // fit at all, and where all fit.
  using GroupKey = std::optional<std::pair<int64_t, int64_t>>;
  // What all units of a cell share.
  struct CellWork {
    std::vector<std::string> specs;
    std::vector<std::vector<ExpertKey>> experts;
  };
  struct Running {
    Unit unit;
    WorkerId worker;
    std::set<int64_t> left;  // items without a result yet
  };

  Status PlanRouter();
  Status PlanCells();
  Status PlanCell(size_t cell, const std::vector<SelectionCounter>& selections);
  void AddUnits(Unit unit, std::vector<int64_t> items, size_t items_a_unit);
  void GroupItems();
  void SplitByGroups();
  GroupKey GroupOf(const Unit& unit) const;
  std::deque<Unit>::iterator Choose(const WorkerId& worker);
  std::deque<Unit>::iterator ChooseAmong(const WorkerId& worker, const GroupKey& group);

  const StudyInputs& inputs_;
  StudyStore& store_;
  bool cells_planned_ = false;
  int64_t next_id_ = 1;
  std::deque<Unit> pending_;  // without specs and experts
  std::map<int64_t, CellWork> cells_;
  std::optional<uint64_t> reference_bytes_;
  std::vector<std::vector<int64_t>> groups_;  // of each data set's items; empty: all fit
  std::map<int64_t, Running> running_;
  std::map<WorkerId, int64_t> last_cell_;
  std::map<WorkerId, GroupKey> last_group_;
  uint64_t items_done_ = 0;
  uint64_t items_total_ = 0;
};

}  // namespace ebb
