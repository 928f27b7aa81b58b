#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

#include "text/regex_translate.h"
#include "text/utf8.h"

namespace ebb {
namespace {

constexpr size_t kMaxPatternBytes = size_t{64} << 10;
// Backtracking steps of one match. A linear pattern needs about one per byte of a word; an
// exponential one reaches this in about a second.
constexpr uint32_t kMatchLimit = 20'000'000;
constexpr uint32_t kHeapLimitKib = 64 << 10;            // for the interpreter
constexpr size_t kJitStackMaxBytes = size_t{64} << 20;  // for compiled code
constexpr size_t kJitStackStartBytes = size_t{64} << 10;

struct Deleter {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

std::string Describe(int error) {
  std::array<PCRE2_UCHAR, 256> message{};
  pcre2_get_error_message(error, message.data(), message.size());
  return reinterpret_cast<const char*>(message.data());
}

}  // namespace

void Regex::FreeCode::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }

Result<Regex> Regex::Compile(std::string_view pattern, const std::string& where) {
  if (pattern.size() > kMaxPatternBytes) {
    return MakeError(ErrorCode::kUnsupported, where, "a pattern of {} bytes; the limit is {}",
                     pattern.size(), kMaxPatternBytes);
  }
  EBB_TRY_ASSIGN(const std::string translated, TranslateRegex(pattern, where));
  return CompileTranslated(translated, where);
}

Result<Regex> Regex::Literal(std::string_view text, const std::string& where) {
  if (text.size() > kMaxPatternBytes) {
    return MakeError(ErrorCode::kUnsupported, where, "a pattern of {} bytes; the limit is {}",
                     text.size(), kMaxPatternBytes);
  }
  return CompileTranslated(EscapeRegex(text), where);
}

Result<Regex> Regex::CompileTranslated(const std::string& pattern, const std::string& where) {
  const Owned<pcre2_compile_context> context(pcre2_compile_context_create(nullptr));
  if (context == nullptr) return MakeError(ErrorCode::kOutOfMemory, where, "out of memory");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  size_t error_offset = 0;
  Regex regex;
  regex.where_ = where;
  regex.code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                                  &error, &error_offset, context.get()));
  if (regex.code_ == nullptr) {
    return MakeError(ErrorCode::kUnsupported, where, "pattern: PCRE2 refuses it: {}",
                     Describe(error));
  }
  // Without just-in-time compilation (a hardened kernel, another processor) matching is slower.
  (void)pcre2_jit_compile(regex.code_.get(), PCRE2_JIT_COMPLETE);
  return regex;
}

uint64_t Regex::memory_bytes() const {
  size_t code_bytes = 0;
  size_t jit_bytes = 0;
  pcre2_pattern_info(code_.get(), PCRE2_INFO_SIZE, &code_bytes);
  pcre2_pattern_info(code_.get(), PCRE2_INFO_JITSIZE, &jit_bytes);
  return code_bytes + jit_bytes + where_.size();
}

struct RegexMatcher::Memory {
  Owned<pcre2_match_context> context{pcre2_match_context_create(nullptr)};
  Owned<pcre2_match_data> data{pcre2_match_data_create(1, nullptr)};
  Owned<pcre2_jit_stack> stack{
      pcre2_jit_stack_create(kJitStackStartBytes, kJitStackMaxBytes, nullptr)};
};

RegexMatcher::RegexMatcher(const Regex& regex)
    : regex_(regex), memory_(std::make_unique<Memory>()) {
  if (memory_->context == nullptr) return;
  pcre2_set_match_limit(memory_->context.get(), kMatchLimit);
  pcre2_set_heap_limit(memory_->context.get(), kHeapLimitKib);
  if (memory_->stack != nullptr) {
    pcre2_jit_stack_assign(memory_->context.get(), nullptr, memory_->stack.get());
  }
}

RegexMatcher::~RegexMatcher() = default;

Status RegexMatcher::FindAll(std::string_view text, std::vector<TextRange>* matches) {
  matches->clear();
  pcre2_match_data* data = memory_->data.get();
  if (memory_->context == nullptr || data == nullptr) {
    return MakeError(ErrorCode::kOutOfMemory, regex_.where_, "out of memory");
  }
  const PCRE2_SPTR subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  for (size_t at = 0; at <= text.size();) {
    const int found = pcre2_match(regex_.code_.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK,
                                  data, memory_->context.get());
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) {
      return MakeError(ErrorCode::kInvalidArgument, regex_.where_,
                       "the pattern gives up on this text: {}", Describe(found));
    }
    const size_t* ends = pcre2_get_ovector_pointer(data);
    const TextRange match{ends[0], ends[1]};
    const bool is_empty = match.begin >= match.end;
    if (is_empty && !matches->empty() && matches->back().end == match.end) {
      // Like Oniguruma's iterator: step over one character, then search again.
      if (at >= text.size()) break;
      at += ReadValidUtf8(text, at).size_bytes;
      continue;
    }
    matches->push_back(match);
    at = match.end;
  }
  return {};
}

}  // namespace ebb
