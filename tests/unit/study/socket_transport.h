// A transport for tests, without MPI.
#pragma once

#include <memory>
#include <vector>

#include "study/transport.h"

namespace ebb {

// Between ranks of one machine, each pair connected by a stream socket: `sockets` has one for each
// rank (-1 for one's own). Takes them over.
[[nodiscard]] std::unique_ptr<Transport> MakeSocketTransport(int rank, std::vector<int> sockets);

// Connected ranks of one process.
[[nodiscard]] std::vector<std::unique_ptr<Transport>> ConnectRanks(int ranks);

}  // namespace ebb
