#include "codec/codec.h"

namespace ebb {

std::span<const std::unique_ptr<Codec>> Codecs() {
  static const std::vector<std::unique_ptr<Codec>> kCodecs = [] {
    std::vector<std::unique_ptr<Codec>> codecs;
    codecs.push_back(MakeEbbCodec());
    return codecs;
  }();
  return kCodecs;
}

Result<const Codec*> FindCodec(std::string_view name) {
  const std::string_view wanted = name == "ebb" ? "ebb:fast" : name;
  std::string known;
  for (const std::unique_ptr<Codec>& codec : Codecs()) {
    const CodecInfo& info = codec->info();
    known += known.empty() ? info.name : ", " + info.name;
    if (info.name != wanted) continue;
    if (info.available) return codec.get();
    return MakeError(ErrorCode::kUnsupported, std::string(name), "{}", info.reason);
  }
  return MakeError(ErrorCode::kInvalidArgument, "", "\"{}\" is no codec; there are: {}", name,
                   known);
}

}  // namespace ebb
