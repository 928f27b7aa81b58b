// Errors as values: ebb::Result<T> is either a T or an ebb::Error. No function of Ebb throws on bad
// input.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace ebb {

enum class ErrorCode {
  kInvalidArgument,  // the caller asked for something that makes no sense
  kNotFound,         // a file or tensor that must be there is not
  kIo,               // the operating system refused: cannot open, read, write
  kCorrupt,          // the bytes are not what their format says
  kUnsupported,      // well-formed, but not something this version can do
  kOutOfMemory,      // a memory cap cannot be kept
  kCancelled,        // stopped on request
};

struct Error {
  ErrorCode code = ErrorCode::kInvalidArgument;
  std::string message;  // what went wrong, one line, with the remedy when there is one
  std::string where;    // in which file, tensor or option

  // "where: message", or the message alone.
  std::string ToString() const;

  // The same error with an outer context put before `where`: a file's name before a tensor's.
  Error In(std::string_view outer) &&;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

}  // namespace ebb
