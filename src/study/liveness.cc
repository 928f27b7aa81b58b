#include "study/liveness.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>

namespace ebb {

std::string HostName() {
  char name[256] = "";
  if (gethostname(name, sizeof(name) - 1) != 0) return "?";
  return name;
}

bool ProcessIsGone(int64_t pid) {
  return pid > 0 && kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
}

}  // namespace ebb
