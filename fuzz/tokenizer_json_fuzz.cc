// A tokenizer.json, a zero byte and a text. A file that loads must encode the text or give an
// error, and ids and texts must keep their promises.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "text/tokenizer.h"
#include "text/utf8.h"

namespace ebb {
namespace {

void FuzzTokenizerJson(std::string_view input) {
  const size_t end = std::min(input.find('\0'), input.size());
  const auto tokenizer = LoadTokenizer({{"tokenizer.json", std::string(input.substr(0, end))}});
  if (!tokenizer) {
    EBB_CHECK(!tokenizer.error().message.empty());
    return;
  }
  const std::string_view text = input.substr(std::min(end + 1, input.size()));
  for (const bool special : {false, true}) {
    const auto ids = (*tokenizer)->Encode(text, special);
    if (!ids) continue;
    const auto stream = (*tokenizer)->MakeStreamDecoder(special);
    std::string streamed;
    for (const int32_t id : *ids) {
      EBB_CHECK(id >= 0 && id < (*tokenizer)->vocab_size());
      streamed += stream->Push(id);
      EBB_CHECK(IsValidUtf8(streamed));
      (void)(*tokenizer)->Piece(id);
    }
    streamed += stream->Finish();
    const std::string decoded = (*tokenizer)->Decode(*ids, special);
    EBB_CHECK(IsValidUtf8(decoded) && IsValidUtf8(streamed));
    const bool is_broken = decoded.find(kReplacementUtf8) != std::string::npos;
    EBB_CHECK(is_broken || streamed == decoded);
  }
}

}  // namespace
}  // namespace ebb

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ebb::FuzzTokenizerJson({reinterpret_cast<const char*>(data), size});
  return 0;
}
