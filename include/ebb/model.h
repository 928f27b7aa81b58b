// Runs models: from an .ebb file under a memory cap, or from a Hugging Face checkpoint folder.
//
//     ebb::ModelSettings settings;
//     settings.memory_cap_bytes = 4ull << 30;
//     ebb::Result<ebb::Model> model = ebb::Model::Open("model.ebb", settings);
//     ebb::Result<ebb::GeneratedText> answer = model->Generate("2 + 2 =", {});
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ebb/error.h"

namespace ebb {

struct ModelSettings {
  // Hard cap on all that the model holds (weights, caches, KV cache, buffers, tokenizer); none:
  // everything in memory.
  std::optional<uint64_t> memory_cap_bytes;
  int threads = 0;         // 0: all processors
  int64_t max_tokens = 0;  // of prompt and text together; 0: the model's whole context
};

struct GenerateSettings {
  int64_t max_new_tokens = 128;
  double temperature = 0;  // 0: always the most likely token
  int64_t top_k = 0;       // 0: all
  double top_p = 1;
  uint64_t seed = 0;
  bool chat = false;  // put the prompt into a user's turn of the model's chat template
  std::vector<std::string> stops;
  // Gets text as it becomes certain; returns false to stop. May be empty.
  std::function<bool(std::string_view text)> on_text;
};

struct GeneratedText {
  std::string text;
  std::vector<int32_t> token_ids;
  std::string finish_reason;  // "stop", "length" or "cancelled"
};

// Used from one thread at a time; several models may be used at once.
class Model {
 public:
  // kOutOfMemory names the least cap that would do.
  [[nodiscard]] static Result<Model> Open(const std::string& path,
                                          const ModelSettings& settings = {});
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  int64_t vocab_size() const;
  int64_t max_tokens() const;

  [[nodiscard]] Result<std::vector<int32_t>> Tokenize(std::string_view text,
                                                      bool add_special_tokens = true) const;
  [[nodiscard]] std::string Detokenize(std::span<const int32_t> ids) const;

  // float32 [tokens, vocab]: the same bits on every run, whatever the cap and the number of
  // threads.
  [[nodiscard]] Result<std::vector<float>> Logits(std::span<const int32_t> tokens);

  [[nodiscard]] Result<GeneratedText> Generate(std::string_view prompt,
                                               const GenerateSettings& settings);

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ebb
