#include "text/tokenizer_json.h"

#include <limits>
#include <utility>

namespace ebb {
namespace {

constexpr size_t kMaxDepth = 64;

// The parser's listener: nlohmann's SAX interface fixes the names and signatures of its methods.
// A method that returns false stops the parser.
class Listener {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  explicit Listener(TokenizerJson* to) : to_(to) {}

  bool null() { return Value(nullptr); }
  bool boolean(bool value) { return Value(value); }
  bool number_integer(number_integer_t value) { return Number(value, -1); }
  bool number_unsigned(number_unsigned_t value) {
    constexpr number_unsigned_t kMax = std::numeric_limits<int64_t>::max();
    return Number(value, value > kMax ? -1 : static_cast<int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t&) { return Value(value); }
  bool binary(binary_t&) { return Refuse("binary data"); }
  bool string(string_t& value) {
    if (inside_ == Inside::kMerges) return AddMerge(value);
    if (inside_ == Inside::kMerge) return AddMergePart(value);
    return Value(std::move(value));
  }

  bool start_object(size_t) {
    if (inside_ != Inside::kTree) return Refuse("model: \"vocab\" and \"merges\" hold no objects");
    if (IsAt("vocab")) {
      inside_ = Inside::kVocabulary;
      to_->has_vocabulary = true;
      return Open(Json::object());
    }
    return Open(Json::object());
  }
  bool key(string_t& name) {
    if (inside_ == Inside::kVocabulary) {
      to_->vocabulary.Add(name);
      return true;
    }
    if (open_.back()->contains(name))
      return Refuse(fmt::format("the key \"{}\" occurs twice", name));
    key_ = std::move(name);
    return true;
  }
  bool end_object() {
    inside_ = Inside::kTree;
    open_.pop_back();
    return true;
  }

  bool start_array(size_t) {
    if (inside_ == Inside::kMerges) {
      inside_ = Inside::kMerge;
      merge_parts_ = 0;
      return true;
    }
    if (inside_ != Inside::kTree) return Refuse("model: a list where there can be none");
    if (IsAt("merges")) {
      inside_ = Inside::kMerges;
      to_->has_merges = true;
    }
    return Open(Json::array());
  }
  bool end_array() {
    if (inside_ == Inside::kMerge) {
      inside_ = Inside::kMerges;
      return merge_parts_ == 2 || BadMerge();
    }
    inside_ = Inside::kTree;
    open_.pop_back();
    return true;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception&) {
    return Refuse(fmt::format("bad JSON at byte {}", position));
  }

  const std::string& problem() const { return problem_; }

 private:
  enum class Inside { kTree, kVocabulary, kMerges, kMerge };

  bool Refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool BadMerge() {
    return Refuse(fmt::format("model.merges[{}] is neither \"a b\" nor [\"a\", \"b\"]",
                              to_->merges.size() / 2));
  }

  // Whether the value that starts is model.<name>.
  bool IsAt(const char* name) const {
    return open_.size() == 2 && open_keys_[1] == "model" && open_.back()->is_object() &&
           key_ == name;
  }

  bool AddMerge(const std::string& text) {
    if (text.starts_with("#version")) return true;
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
      return BadMerge();
    }
    to_->merges.Add(std::string_view(text).substr(0, space));
    to_->merges.Add(std::string_view(text).substr(space + 1));
    return true;
  }
  bool AddMergePart(const std::string& text) {
    if (++merge_parts_ > 2) return BadMerge();
    to_->merges.Add(text);
    return true;
  }

  template <typename T>
  bool Number(T value, int64_t id) {
    if (inside_ != Inside::kVocabulary) return Value(value);
    to_->ids.push_back(id);
    return true;
  }

  bool Value(Json value) {
    if (inside_ == Inside::kVocabulary) return Refuse("model.vocab: an id is not an integer");
    if (inside_ != Inside::kTree) return BadMerge();
    Place(std::move(value));
    return true;
  }

  Json* Place(Json value) {
    if (open_.empty()) {
      to_->rest = std::move(value);
      return &to_->rest;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[key_] = std::move(value));
  }

  bool Open(Json value) {
    if (open_.size() >= kMaxDepth) {
      return Refuse(fmt::format("nested deeper than {} levels", kMaxDepth));
    }
    open_.push_back(Place(std::move(value)));
    open_keys_.resize(open_.size() - 1);
    open_keys_.push_back(key_);
    return true;
  }

  TokenizerJson* to_;
  Inside inside_ = Inside::kTree;
  std::vector<Json*> open_;             // the containers around the current place
  std::vector<std::string> open_keys_;  // the keys at which they stand
  std::string key_;
  int merge_parts_ = 0;
  std::string problem_;
};

}  // namespace

void TextList::Add(std::string_view text) {
  bytes_ += text;
  ends_.push_back(bytes_.size());
}

Result<TokenizerJson> ReadTokenizerJson(std::string_view text, const std::string& where) {
  TokenizerJson json;
  Listener listener(&json);
  if (!Json::sax_parse(text.begin(), text.end(), &listener)) {
    return MakeError(ErrorCode::kCorrupt, where, "{}", listener.problem());
  }
  return json;
}

}  // namespace ebb
