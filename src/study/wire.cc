#include "study/wire.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace ebb {
namespace {

class Writer {
 public:
  template <typename T>
  void Number(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    bytes_.append(bytes, sizeof(T));
  }
  void Text(std::string_view text) {
    Number<uint64_t>(text.size());
    bytes_.append(text);
  }
  void Value(const SqlValue& value) {
    Number<uint8_t>(static_cast<uint8_t>(value.index()));
    if (const auto* integer = std::get_if<int64_t>(&value)) Number(*integer);
    if (const auto* real = std::get_if<double>(&value)) Number(*real);
    if (const auto* text = std::get_if<std::string>(&value)) Text(*text);
    if (const auto* blob = std::get_if<Blob>(&value)) {
      Text({reinterpret_cast<const char*>(blob->data()), blob->size()});
    }
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Once something does not fit, everything read is empty and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }
  void Refuse() { ok_ = false; }

  template <typename T>
  T Number() {
    T value{};
    const std::string_view bytes = Take(sizeof(T));
    if (bytes.size() == sizeof(T)) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string_view Text() { return Take(Number<uint64_t>()); }
  // A number of elements that take at least one byte each.
  size_t Count() {
    const auto count = Number<uint64_t>();
    if (count > bytes_.size()) ok_ = false;
    return ok_ ? static_cast<size_t>(count) : 0;
  }
  SqlValue Value() {
    switch (Number<uint8_t>()) {
      case 0:
        return std::monostate();
      case 1:
        return Number<int64_t>();
      case 2:
        return Number<double>();
      case 3:
        return std::string(Text());
      case 4: {
        const std::string_view text = Text();
        const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
        return Blob(bytes, bytes + text.size());
      }
      default:
        ok_ = false;
        return std::monostate();
    }
  }

 private:
  std::string_view Take(uint64_t size) {
    if (!ok_ || size > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

void PackUnit(const Unit& unit, Writer* out) {
  out->Number(unit.id);
  out->Number(static_cast<uint8_t>(unit.kind));
  out->Number(unit.data);
  out->Number(unit.cell);
  out->Number<uint8_t>(unit.inside);
  out->Number<uint64_t>(unit.specs.size());
  for (const std::string& spec : unit.specs) out->Text(spec);
  out->Number<uint64_t>(unit.experts.size());
  for (const std::vector<ExpertKey>& keys : unit.experts) {
    out->Number<uint64_t>(keys.size());
    for (const ExpertKey& key : keys) {
      out->Number(key.layer.value);
      out->Number(key.expert.value);
    }
  }
  out->Number<uint64_t>(unit.items.size());
  for (const int64_t item : unit.items) out->Number(item);
}

Unit UnpackUnit(Reader* in) {
  Unit unit;
  unit.id = in->Number<int64_t>();
  const auto kind = in->Number<uint8_t>();
  if (kind > static_cast<uint8_t>(UnitKind::kAnswers)) in->Refuse();
  unit.kind = static_cast<UnitKind>(kind);
  unit.data = in->Number<int64_t>();
  unit.cell = in->Number<int64_t>();
  unit.inside = in->Number<uint8_t>() != 0;
  for (size_t n = in->Count(); n > 0; --n) unit.specs.emplace_back(in->Text());
  for (size_t n = in->Count(); n > 0; --n) {
    unit.experts.emplace_back();
    for (size_t k = in->Count(); k > 0; --k) {
      const auto layer = in->Number<int32_t>();
      const auto expert = in->Number<int32_t>();
      unit.experts.back().push_back({{layer}, {expert}});
    }
  }
  for (size_t n = in->Count(); n > 0; --n) unit.items.push_back(in->Number<int64_t>());
  return unit;
}

// What a worker writes into each table: i integer, r real, t text, b blob; capital: or NULL.
constexpr std::array<std::string_view, kResultTables> kColumns = {"iiiii", "iitiiIRRR", "iiirrirb",
                                                                  "iiiirIR", "iiitttTtiiiiii"};

bool HasColumns(const ResultRow& row) {
  constexpr std::string_view kTypes = "-irtb";  // by index of SqlValue
  const std::string_view columns = kColumns[static_cast<size_t>(row.table)];
  if (row.values.size() != columns.size()) return false;
  for (size_t c = 0; c < columns.size(); ++c) {
    const bool may_be_null = columns[c] < 'a';
    const char type = static_cast<char>(columns[c] | 0x20);
    const char found = kTypes[row.values[c].index()];
    if (found != type && !(found == '-' && may_be_null)) return false;
  }
  return true;
}

// What every kind of message has within its bounds.
bool NumbersMakeSense(const Message& message) {
  if (message.worker < 0 || message.worker >= kMaxRankWorkers) return false;
  if (!std::isfinite(message.seconds) || message.seconds < 0) return false;
  return message.kind != MessageKind::kReady ||
         (message.number >= 0 && message.number <= kMaxRankWorkers);
}

}  // namespace

std::string_view UnitKindName(UnitKind kind) {
  switch (kind) {
    case UnitKind::kRouter:
      return "router";
    case UnitKind::kKl:
      return "kl";
    case UnitKind::kAnswers:
      return "accuracy";
  }
  return "";
}

std::string GreetingText(const Greeting& greeting) {
  return greeting.program + "\n" + greeting.study + "\n" + greeting.host;
}

Greeting ReadGreeting(std::string_view text) {
  Greeting greeting;
  for (std::string* line : {&greeting.program, &greeting.study, &greeting.host}) {
    const size_t end = std::min(text.find('\n'), text.size());
    *line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return greeting;
}

std::string Pack(const Message& message) {
  Writer out;
  out.Number(static_cast<uint8_t>(message.kind));
  out.Number(message.worker);
  out.Number(message.unit_id);
  out.Number(message.number);
  out.Number(message.pid);
  out.Number(message.seconds);
  out.Text(message.text);
  out.Number<uint8_t>(message.unit.has_value());
  if (message.unit) PackUnit(*message.unit, &out);
  out.Number<uint64_t>(message.rows.size());
  for (const ResultRow& row : message.rows) {
    out.Number(static_cast<uint8_t>(row.table));
    out.Number<uint64_t>(row.values.size());
    for (const SqlValue& value : row.values) out.Value(value);
  }
  return out.Take();
}

Result<Message> Unpack(std::string_view bytes) {
  Reader in(bytes);
  Message message;
  const auto kind = in.Number<uint8_t>();
  message.kind = static_cast<MessageKind>(kind);
  message.worker = in.Number<int64_t>();
  message.unit_id = in.Number<int64_t>();
  message.number = in.Number<int64_t>();
  message.pid = in.Number<int64_t>();
  message.seconds = in.Number<double>();
  message.text = in.Text();
  if (in.Number<uint8_t>() != 0) message.unit = UnpackUnit(&in);
  for (size_t n = in.Count(); n > 0; --n) {
    ResultRow row;
    const auto table = in.Number<uint8_t>();
    if (table >= kResultTables) return MakeError(ErrorCode::kCorrupt, "message", "no such table");
    row.table = static_cast<ResultTable>(table);
    for (size_t v = in.Count(); v > 0; --v) row.values.push_back(in.Value());
    if (in.ok() && !HasColumns(row)) {
      return MakeError(ErrorCode::kCorrupt, "message", "a row has other columns than its table");
    }
    message.rows.push_back(std::move(row));
  }
  if (!in.ok() || !in.at_end() || kind > static_cast<uint8_t>(MessageKind::kBeat) ||
      !NumbersMakeSense(message)) {
    return MakeError(ErrorCode::kCorrupt, "message", "it cannot be understood");
  }
  return message;
}

}  // namespace ebb
