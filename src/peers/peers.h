// What makes the codecs that Ebb is compared with. Each is one file, and one line in codecs.cc.
#pragma once

#include <memory>

#include "codec/codec.h"

namespace ebb {

enum class Sz3Algorithm : uint8_t { kInterpLorenzo, kLorenzoReg, kNoPred };
enum class CuszpMode : uint8_t { kFixed, kPlain, kOutlier };
enum class NoiseLaw : uint8_t { kNormal, kUniform };

// sz3.cc: the real SZ3, built in or found at run time.
[[nodiscard]] std::unique_ptr<Codec> MakeSz3Codec(Sz3Algorithm algorithm);
// zfp.cc: libzfp, fixed accuracy.
[[nodiscard]] std::unique_ptr<Codec> MakeZfpCodec();
// cuszp.cc: cuSZp's one-dimensional float32 format on the CPU.
[[nodiscard]] std::unique_ptr<Codec> MakeCuszpCodec(CuszpMode mode);
// rtn.cc: round to nearest in groups of 32; 8, 4, 3 or 2 bits.
[[nodiscard]] std::unique_ptr<Codec> MakeRtnCodec(int bits);
// nf4.cc: the 16 levels of NormalFloat in groups of 64.
[[nodiscard]] std::unique_ptr<Codec> MakeNf4Codec();
// noise.cc: no codec, but the error of one, simulated.
[[nodiscard]] std::unique_ptr<Codec> MakeNoiseCodec(NoiseLaw law);

}  // namespace ebb
