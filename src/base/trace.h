// What happened when, as Chrome trace events: a JSON file that ui.perfetto.dev and chrome://tracing
// draw. https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU has the
// format.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file.h"

namespace ebb {

// Thread-safe. Events go to a temporary file, which Finish makes the file itself.
class Trace {
 public:
  using Time = std::chrono::steady_clock::time_point;

  [[nodiscard]] static Result<std::unique_ptr<Trace>> Create(const std::string& path);

  static Time Now() { return std::chrono::steady_clock::now(); }

  // Something that one thread did. `detail` may be empty.
  void Span(std::string_view name, Time start, Time end, std::string_view detail = {});
  // Something that went on beside it; spans of one track may overlap.
  void Overlapping(std::string_view track, std::string_view name, uint64_t id, Time start,
                   Time end);

  // The first error of any write, if there was one; nothing may be added any more.
  [[nodiscard]] Status Finish();

 private:
  explicit Trace(AtomicFile file) : file_(std::move(file)), start_(Now()) {}
  [[nodiscard]] double Microseconds(Time time) const;
  void Add(std::string event);

  std::mutex mutex_;
  AtomicFile file_;
  const Time start_;
  std::string buffer_;
  bool is_first_ = true;
  Status status_;
};

// A Span from construction to destruction; nothing without a trace. `name` must be a literal.
class TraceSpan {
 public:
  TraceSpan(Trace* trace, const char* name)
      : TraceSpan(trace, name, [] { return std::string(); }) {}
  // `detail` gives a text, and is asked only when there is a trace.
  template <typename Detail>
  TraceSpan(Trace* trace, const char* name, Detail detail) : trace_(trace), name_(name) {
    if (trace_ == nullptr) return;
    detail_ = detail();
    start_ = Trace::Now();
  }
  ~TraceSpan() {
    if (trace_ != nullptr) trace_->Span(name_, start_, Trace::Now(), detail_);
  }
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;

 private:
  Trace* trace_;
  const char* name_;
  std::string detail_;
  Trace::Time start_;
};

}  // namespace ebb
