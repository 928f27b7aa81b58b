// Adds the tokens that a model wants around a text: tokenizer.json's "post_processor".
//
// Immutable and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace ebb {

class PostProcessor {
 public:
  // Sequence, ByteLevel (which changes no ids) and TemplateProcessing, at most one of the last;
  // null does nothing. Ids must be below `vocab_size`. Anything else is kUnsupported.
  [[nodiscard]] static Result<PostProcessor> Make(const Json& json, int32_t vocab_size,
                                                  const std::string& where);

  // The ids of a whole text from those of its words.
  [[nodiscard]] std::vector<int32_t> Apply(std::vector<int32_t> ids, bool add_special_tokens) const;

 private:
  // Either the text's own ids or some special tokens.
  struct Part {
    bool is_text = true;
    std::vector<int32_t> special_ids;
  };

  [[nodiscard]] Status Add(const Json& json, int32_t vocab_size, const std::string& where);
  [[nodiscard]] Status AddTemplate(const Json& json, int32_t vocab_size, const std::string& where);

  bool has_template_ = false;
  std::vector<Part> parts_;
};

}  // namespace ebb
