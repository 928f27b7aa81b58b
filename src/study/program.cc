#include "study/program.h"

#include "base/version.h"
#include "kernels/backend.h"

namespace ebb {

std::string ThisProgram() {
  return std::string(kVersion) + " " + std::string(CpuBackendNames()[0]);
}

}  // namespace ebb
