// Messages between ranks: the processes that work on one study. Rank 0 coordinates.
//
// Messages of one sender arrive in order. A transport is used from one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ebb {

struct Envelope {
  int from = 0;
  std::string bytes;
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int ranks() const = 0;

  // Queues a message. To a rank that is gone it goes nowhere.
  [[nodiscard]] virtual Status Send(int to, std::string bytes) = 0;

  // The next message that has arrived, if there is one; does not wait.
  [[nodiscard]] virtual Result<std::optional<Envelope>> Receive() = 0;

  // Ranks that the transport itself knows to be gone.
  [[nodiscard]] virtual std::vector<int> Gone() const = 0;

  // Ends the connection in good order; after losses nobody is waited for, except for a moment, so
  // that the living get what was sent.
  virtual void Close(bool after_losses) = 0;
};

// Whether a program for parallel jobs (mpirun, srun) has started this process as one of several.
[[nodiscard]] bool StartedAsRank();

// Over MPI. kUnsupported if this build lacks it. At most one a process.
[[nodiscard]] Result<std::unique_ptr<Transport>> MakeMpiTransport();

}  // namespace ebb
