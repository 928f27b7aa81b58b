#include "base/trace.h"

#include <fmt/format.h>

#include "base/json.h"

namespace ebb {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;

std::string Quoted(std::string_view text) { return Json(std::string(text)).dump(); }

}  // namespace

Result<std::unique_ptr<Trace>> Trace::Create(const std::string& path) {
  EBB_TRY_ASSIGN(AtomicFile file, AtomicFile::Create(path));
  return std::unique_ptr<Trace>(new Trace(std::move(file)));
}

double Trace::Microseconds(Time time) const {
  return std::chrono::duration<double, std::micro>(time - start_).count();
}

void Trace::Span(std::string_view name, Time start, Time end, std::string_view detail) {
  const std::string args =
      detail.empty() ? "" : fmt::format(",\"args\":{{\"what\":{}}}", Quoted(detail));
  Add(fmt::format("{{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"name\":{},\"ts\":{:.3f},\"dur\":{:.3f}{}}}",
                  Quoted(name), Microseconds(start), Microseconds(end) - Microseconds(start),
                  args));
}

void Trace::Overlapping(std::string_view track, std::string_view name, uint64_t id, Time start,
                        Time end) {
  for (const auto& [phase, time] : {std::pair('b', start), std::pair('e', end)}) {
    Add(fmt::format(
        "{{\"ph\":\"{}\",\"pid\":1,\"tid\":1,\"cat\":{},\"name\":{},\"id\":{},\"ts\":{:.3f}}}",
        phase, Quoted(track), Quoted(name), id, Microseconds(time)));
  }
}

void Trace::Add(std::string event) {
  const std::lock_guard lock(mutex_);
  buffer_ += is_first_ ? "[\n" : ",\n";
  is_first_ = false;
  buffer_ += event;
  if (buffer_.size() < kBufferBytes) return;
  if (status_) status_ = file_.Append(buffer_);
  buffer_.clear();
}

Status Trace::Finish() {
  const std::lock_guard lock(mutex_);
  buffer_ += is_first_ ? "[]\n" : "\n]\n";
  if (status_) status_ = file_.Append(buffer_);
  if (status_) status_ = file_.Commit();
  return status_;
}

}  // namespace ebb
