// Chat messages to the prompt that a model was trained on.
//
// A model ships its chat template, a Jinja program, and Ebb runs that program (jinja.h): so a
// prompt is what transformers' apply_chat_template gives for any template in the supported part of
// the language, among them the two families that it is tested with:
//
//   Moonlight:  <|im_system|>system<|im_middle|>...<|im_end|><|im_user|>user<|im_middle|>...
//               <|im_end|><|im_assistant|>assistant<|im_middle|>
//               The published template puts a default system turn before a conversation that has
//               none; the template of the model that Ebb ships has no default.
//   Mixtral:    <s>[INST] question [/INST]answer</s>[INST] question [/INST]
//               User and assistant must alternate. The older published template refuses system
//               messages; the newer one puts a first system message before the first question.
//
// A prompt spells its special tokens, BOS too where the template writes it: encode it without
// adding special tokens.
#pragma once

#include <map>
#include <span>
#include <string>

#include "base/error.h"
#include "text/jinja.h"

namespace ebb {

struct ChatMessage {
  std::string role;  // "system", "user" or "assistant"
  std::string content;
};

// Immutable and thread-safe.
class ChatTemplate {
 public:
  // chat_template.jinja, or else tokenizer_config.json's chat_template (if that is a list, its
  // entry "default"). kNotFound if there is none; kUnsupported if it is beyond jinja.h.
  [[nodiscard]] static Result<ChatTemplate> FromFiles(
      const std::map<std::string, std::string>& files);

  // The prompt text. `add_generation_prompt` opens the assistant's turn, where the template has a
  // mark for that. Contents that are no UTF-8 are replaced as Tokenizer::Encode replaces them. No
  // messages, a role other than the three, and an order of roles that the template refuses are
  // kInvalidArgument.
  [[nodiscard]] Result<std::string> Render(std::span<const ChatMessage> messages,
                                           bool add_generation_prompt) const;

 private:
  JinjaTemplate template_;
  JinjaValue::Dict special_tokens_;  // bos_token, eos_token, ... as texts
};

}  // namespace ebb
