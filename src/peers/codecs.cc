#include "peers/codecs.h"

#include "peers/peers.h"

namespace ebb {
namespace {

// Whether `name` is the codec's, or its family's ("sz3" of "sz3:nopred").
bool IsNameOf(std::string_view name, const CodecInfo& info) {
  const std::string_view full = info.name;
  return full.starts_with(name) && (full.size() == name.size() || full[name.size()] == ':');
}

}  // namespace

std::span<const std::unique_ptr<Codec>> Codecs() {
  static const std::vector<std::unique_ptr<Codec>> kCodecs = [] {
    std::vector<std::unique_ptr<Codec>> codecs;
    codecs.push_back(MakeEbbCodec(CodecSetting::kFast));
    codecs.push_back(MakeEbbCodec(CodecSetting::kSmall));
    codecs.push_back(MakeSz3Codec(Sz3Algorithm::kInterpLorenzo));
    codecs.push_back(MakeSz3Codec(Sz3Algorithm::kLorenzoReg));
    codecs.push_back(MakeSz3Codec(Sz3Algorithm::kNoPred));
    codecs.push_back(MakeZfpCodec());
    codecs.push_back(MakeCuszpCodec(CuszpMode::kFixed));
    codecs.push_back(MakeCuszpCodec(CuszpMode::kPlain));
    codecs.push_back(MakeCuszpCodec(CuszpMode::kOutlier));
    for (const int bits : {8, 4, 3, 2}) codecs.push_back(MakeRtnCodec(bits));
    codecs.push_back(MakeNf4Codec());
    codecs.push_back(MakeNoiseCodec(NoiseLaw::kNormal));
    codecs.push_back(MakeNoiseCodec(NoiseLaw::kUniform));
    return codecs;
  }();
  return kCodecs;
}

Result<const Codec*> FindCodec(std::string_view name) {
  std::string known;
  for (const std::unique_ptr<Codec>& codec : Codecs()) {
    const CodecInfo& info = codec->info();
    known += known.empty() ? info.name : ", " + info.name;
    if (name.empty() || !IsNameOf(name, info)) continue;
    if (info.available) return codec.get();
    return MakeError(ErrorCode::kUnsupported, info.name, "{}", info.reason);
  }
  return MakeError(ErrorCode::kInvalidArgument, "", "\"{}\" is no codec; there are: {}", name,
                   known);
}

}  // namespace ebb
