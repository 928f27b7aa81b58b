#include "cli/text_input.h"

#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace ebb {

Result<std::string> TextOrStdin(const std::optional<std::string>& given) {
  constexpr size_t kMaxBytes = size_t{256} << 20;
  if (given) return *given;
  std::string text;
  char buffer[65536];
  while (true) {
    const ssize_t got = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected(SystemError("stdin", "read"));
    if (got == 0) return text;
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > kMaxBytes) {
      return MakeError(ErrorCode::kInvalidArgument, "stdin", "more than 256 MiB of text");
    }
  }
}

}  // namespace ebb
