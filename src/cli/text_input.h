// Text from the command line or from stdin.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"

namespace ebb {

// `given`, or all of stdin. More than 256 MiB is an error.
[[nodiscard]] Result<std::string> TextOrStdin(const std::optional<std::string>& given);

}  // namespace ebb
