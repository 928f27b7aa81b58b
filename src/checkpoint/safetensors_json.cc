#include "checkpoint/safetensors_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/json.h"
#include "checkpoint/safetensors.h"

namespace ebb {
namespace {

constexpr size_t kMaxRank = 32;

struct KnownDType {
  std::string_view name;
  uint64_t bits;
};

// Those of safetensors 0.8.
constexpr std::array<KnownDType, 22> kKnownDTypes = {{
    {"BOOL", 8},    {"U8", 8},      {"I8", 8},          {"U16", 16},        {"I16", 16},
    {"F16", 16},    {"BF16", 16},   {"U32", 32},        {"I32", 32},        {"F32", 32},
    {"U64", 64},    {"I64", 64},    {"F64", 64},        {"C64", 64},        {"F8_E4M3", 8},
    {"F8_E5M2", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6},
    {"F6_E3M2", 6}, {"F4", 4},
}};

// Follows the parser's events. The text can only be
//
//     { NAME: { "dtype": TEXT, "shape": [N, ...], "data_offsets": [N, N] }, "__metadata__": {...} }
//
// and every event that does not fit where it comes stops the parser.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  std::vector<SafetensorsEntry> TakeEntries() { return std::move(entries_); }
  const std::string& problem() const { return problem_; }

  bool start_object(std::size_t) override {
    if (at_ == At::kStart) return Go(At::kTop);
    if (at_ == At::kEntryValue) return Go(At::kEntry);
    if (at_ == At::kMetadataValue) return Go(At::kMetadata);
    return Unexpected("an object");
  }

  bool key(std::string& name) override {
    if (at_ == At::kMetadata) return true;
    if (at_ == At::kEntry) return Field(name);
    if (name == "__metadata__") {
      if (std::exchange(metadata_seen_, true)) return Fail("\"__metadata__\" occurs twice");
      return Go(At::kMetadataValue);
    }
    entries_.push_back({std::move(name), {}, 0, {}, 0, 0});
    fields_seen_ = 0;
    return Go(At::kEntryValue);
  }

  bool end_object() override {
    if (at_ == At::kEntry) {
      for (size_t i = 0; i < kFields.size(); ++i) {
        if ((fields_seen_ >> i & 1) == 0) return FailEntry("has no \"{}\"", kFields[i]);
      }
    }
    return Go(at_ == At::kTop ? At::kEnd : At::kTop);
  }

  bool start_array(std::size_t) override {
    if (at_ != At::kEntry || field_ == kDType) return Unexpected("a list");
    numbers_.clear();
    return Go(At::kList);
  }

  bool number_unsigned(uint64_t number) override {
    if (at_ != At::kList) return Unexpected("a number");
    if (numbers_.size() == kMaxRank) return FailEntry("has more than {} dimensions", kMaxRank);
    numbers_.push_back(number);
    return true;
  }

  bool end_array() override {
    at_ = At::kEntry;
    if (field_ == kShape) {
      entries_.back().shape = numbers_;
      return true;
    }
    if (numbers_.size() != 2) return FailEntry("has {} \"data_offsets\"", numbers_.size());
    entries_.back().begin = numbers_[0];
    entries_.back().end = numbers_[1];
    return true;
  }

  bool string(std::string& text) override {
    if (at_ == At::kMetadata) return true;
    if (at_ != At::kEntry || field_ != kDType) return Unexpected("a string");
    const auto known = std::ranges::find(kKnownDTypes, text, &KnownDType::name);
    if (known == kKnownDTypes.end()) {
      return FailEntry("has the unknown dtype {}", QuotedName(text));
    }
    entries_.back().dtype = known->name;
    entries_.back().dtype_bits = known->bits;
    return true;
  }

  bool null() override {
    if (at_ == At::kMetadataValue) return Go(At::kTop);
    return Unexpected("null");
  }
  bool boolean(bool) override { return Unexpected("true or false"); }
  bool number_integer(int64_t) override { return Unexpected("a negative number"); }
  bool number_float(double, const std::string&) override {
    return Unexpected("a number that is not a size");
  }
  bool binary(Json::binary_t&) override { return Unexpected("binary data"); }

  bool parse_error(std::size_t byte, const std::string&, const Json::exception&) override {
    return Fail(fmt::format("bad JSON at byte {} of the header", byte));
  }

 private:
  enum class At { kStart, kTop, kEntryValue, kEntry, kList, kMetadataValue, kMetadata, kEnd };
  enum FieldIndex : size_t { kDType, kShape, kDataOffsets };
  static constexpr std::array<std::string_view, 3> kFields = {"dtype", "shape", "data_offsets"};

  bool Go(At at) {
    at_ = at;
    return true;
  }

  bool Fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }

  template <typename... Args>
  bool FailEntry(fmt::format_string<Args...> format, Args&&... args) {
    return Fail(fmt::format("the tensor {} {}", QuotedName(entries_.back().name),
                            fmt::format(format, std::forward<Args>(args)...)));
  }

  bool Unexpected(const char* what) {
    switch (at_) {
      case At::kEntryValue:
        return FailEntry("is {}, not an object", what);
      case At::kEntry:
      case At::kList:
        return FailEntry("has {} in \"{}\"", what, kFields[field_]);
      case At::kMetadataValue:
      case At::kMetadata:
        return Fail(fmt::format("\"__metadata__\" holds {}, not strings", what));
      default:
        return Fail(fmt::format("the header is {}, not an object", what));
    }
  }

  bool Field(const std::string& name) {
    const auto field = std::ranges::find(kFields, name);
    if (field == kFields.end()) return FailEntry("has the unknown field {}", QuotedName(name));
    field_ = static_cast<FieldIndex>(field - kFields.begin());
    if (fields_seen_ >> field_ & 1) return FailEntry("has \"{}\" twice", name);
    fields_seen_ |= 1u << field_;
    return true;
  }

  At at_ = At::kStart;
  FieldIndex field_ = kDType;
  unsigned fields_seen_ = 0;
  bool metadata_seen_ = false;
  std::vector<uint64_t> numbers_;
  std::vector<SafetensorsEntry> entries_;
  std::string problem_;
};

}  // namespace

Result<std::vector<SafetensorsEntry>> ParseSafetensorsJson(std::string_view header,
                                                           const std::string& where) {
  // The parser would step over white space and a byte order mark; the format begins with a brace.
  if (!header.starts_with('{')) {
    return MakeError(ErrorCode::kCorrupt, where,
                     "not a safetensors file: the header is not a JSON object");
  }
  // The parser takes a NUL for the end of the text; JSON has none.
  if (const size_t nul = header.find('\0'); nul != std::string_view::npos) {
    return MakeError(ErrorCode::kCorrupt, where, "bad JSON at byte {} of the header", nul + 1);
  }
  HeaderReader reader;
  if (!Json::sax_parse(header.begin(), header.end(), &reader)) {
    return MakeError(ErrorCode::kCorrupt, where, "{}", reader.problem());
  }
  return reader.TakeEntries();
}

}  // namespace ebb
