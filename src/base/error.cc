#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace ebb {

std::string Error::ToString() const {
  return where.empty() ? message : fmt::format("{}: {}", where, message);
}

Error Error::In(std::string_view outer) && {
  where = where.empty() ? std::string(outer) : fmt::format("{}: {}", outer, where);
  return std::move(*this);
}

namespace internal {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "ebb: internal error: %s does not hold at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace internal
}  // namespace ebb
