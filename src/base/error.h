// Making and passing on errors as values (ebb/error.h says what they are). Library code returns
// them and never prints or exits; the command line turns one into a line on stderr and an exit
// code.
//
// EBB_CHECK is for bugs of our own only, never for the contents of a file or a request.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "ebb/error.h"

namespace ebb {

template <typename... Args>
[[nodiscard]] tl::unexpected<Error> MakeError(ErrorCode code, std::string where,
                                              fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(
      Error{code, fmt::format(format, std::forward<Args>(args)...), std::move(where)});
}

namespace internal {
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
}  // namespace internal

}  // namespace ebb

#define EBB_CHECK(condition)                                        \
  do {                                                              \
    if (!(condition)) [[unlikely]] {                                \
      ::ebb::internal::CheckFailed(#condition, __FILE__, __LINE__); \
    }                                                               \
  } while (false)

#define EBB_CONCAT_INNER(a, b) a##b
#define EBB_CONCAT(a, b) EBB_CONCAT_INNER(a, b)

// EBB_TRY(Foo());                    returns Foo's error from the enclosing function
// EBB_TRY_ASSIGN(auto x, MakeX());   likewise, else moves the value into x
#define EBB_TRY(expression)                                                  \
  do {                                                                       \
    auto ebb_status = (expression);                                          \
    if (!ebb_status) return ::tl::unexpected(std::move(ebb_status).error()); \
  } while (false)

#define EBB_TRY_ASSIGN_INNER(result, declaration, expression)      \
  auto result = (expression);                                      \
  if (!result) return ::tl::unexpected(std::move(result).error()); \
  declaration = std::move(*result)
#define EBB_TRY_ASSIGN(declaration, expression) \
  EBB_TRY_ASSIGN_INNER(EBB_CONCAT(ebb_result_, __LINE__), declaration, expression)
