// ebb codec: one array through one codec, and the list of codecs.
#include <cmath>
#include <memory>

#include "base/file.h"
#include "base/npy.h"
#include "base/stopwatch.h"
#include "base/units.h"
#include "cli/codec_option.h"
#include "cli/command.h"
#include "codec/bound.h"
#include "peers/codecs.h"

namespace ebb {
namespace {

struct RoundtripOptions {
  std::string input;
  std::string output;
  std::string codec = "ebb";
  std::string bound;
  std::string stream;
  uint64_t seed = 0;
  bool json = false;
};

struct ErrorFigures {
  double max_error = 0;
  double rmse = 0;
  uint64_t damaged_specials = 0;  // NaN or infinities that did not come back as such
};

ErrorFigures Compare(std::span<const float> original, std::span<const float> decoded) {
  ErrorFigures figures;
  double squares = 0;
  uint64_t finite = 0;
  for (size_t i = 0; i < original.size(); ++i) {
    if (!std::isfinite(original[i])) {
      figures.damaged_specials +=
          std::isnan(original[i]) ? !std::isnan(decoded[i]) : decoded[i] != original[i];
      continue;
    }
    const double error =
        std::abs(static_cast<double>(decoded[i]) - static_cast<double>(original[i]));
    // A decoded NaN is an infinite error.
    figures.max_error = std::max(figures.max_error, std::isnan(error) ? INFINITY : error);
    squares += error * error;
    ++finite;
  }
  figures.rmse = finite == 0 ? 0 : std::sqrt(squares / static_cast<double>(finite));
  return figures;
}

Status WriteStream(const std::string& path, std::span<const std::byte> stream) {
  EBB_TRY_ASSIGN(AtomicFile file, AtomicFile::Create(path));
  EBB_TRY(file.Append(stream));
  return file.Commit();
}

Result<int> Roundtrip(const RoundtripOptions& options) {
  auto bound_spec = ParseErrorBound(options.bound);
  if (!bound_spec) return tl::unexpected(ForOption(bound_spec.error(), "--bound"));
  EBB_TRY_ASSIGN(const Codec* codec, CodecOption("--codec", options.codec));
  const CodecInfo& info = codec->info();
  const bool has_size = info.kind != CodecKind::kNoise;
  if (!has_size && !options.stream.empty()) {
    return UsageError("--stream", fmt::format("{} only adds noise and has no stream", info.name));
  }
  EBB_TRY_ASSIGN(const NpyArray array, ReadNpy(options.input));
  MagnitudeSum sum;
  sum.Add(array.values);
  const float bound = AbsoluteBound(*bound_spec, sum.Mean());
  const uint64_t cols = array.shape.back();
  const ArrayView view = {array.values, array.shape.size() == 2 ? array.shape[0] : 1, cols};

  const Stopwatch encode_watch;
  EBB_TRY_ASSIGN(const EncodedArray encoded, codec->Encode(view, bound, options.seed));
  const double encode_seconds = encode_watch.seconds();
  std::vector<float> decoded(array.values.size());
  const Stopwatch decode_watch;
  EBB_TRY(codec->Decode(encoded.stream, view.rows, view.cols, bound, decoded.data()));
  const double decode_seconds = decode_watch.seconds();

  const ErrorFigures errors = Compare(array.values, decoded);
  EBB_TRY(WriteNpy(options.output, array.shape, decoded));
  if (!options.stream.empty()) EBB_TRY(WriteStream(options.stream, encoded.stream));
  const double bits = has_size ? static_cast<double>(encoded.stream.size() + encoded.side_bytes) *
                                     8 / static_cast<double>(array.values.size())
                               : NAN;
  if (options.json) {
    OrderedJson json;
    json["codec"] = info.name;
    json["bound_abs"] = bound;
    json["guaranteed"] = info.guaranteed;
    json["elements"] = array.values.size();
    json["stream_bytes"] = has_size ? OrderedJson(encoded.stream.size()) : OrderedJson(nullptr);
    json["side_bytes"] = has_size ? OrderedJson(encoded.side_bytes) : OrderedJson(nullptr);
    json["bits_per_weight"] = FiniteOrNull(bits);
    json["entropy_bits_per_weight"] = encoded.entropy_bits_per_weight
                                          ? OrderedJson(*encoded.entropy_bits_per_weight)
                                          : OrderedJson(nullptr);
    json["max_error"] = FiniteOrNull(errors.max_error);
    json["max_error_over_bound"] =
        FiniteOrNull(errors.max_error == 0 ? 0 : errors.max_error / double{bound});
    json["rmse"] = FiniteOrNull(errors.rmse);
    json["encode_seconds"] = encode_seconds;
    json["decode_seconds"] = decode_seconds;
    PrintJson(json);
  } else {
    fmt::print("{} at an absolute bound of {:.6g}: {} values", info.name, bound,
               FormatCount(array.values.size()));
    if (has_size) {
      fmt::print(" in {} bytes, {:.4f} bits a value",
                 FormatCount(encoded.stream.size() + encoded.side_bytes), bits);
    }
    fmt::print("\n");
    fmt::print("largest error {:.6g} ({:.6f} x the bound{}), RMS error {:.6g}\n", errors.max_error,
               bound > 0 ? errors.max_error / double{bound} : 0.0,
               info.guaranteed ? "" : ", not guaranteed", errors.rmse);
    fmt::print("encoded in {}, decoded in {}\n", FormatSeconds(encode_seconds),
               FormatSeconds(decode_seconds));
  }
  if (info.guaranteed && (errors.max_error > double{bound} || errors.damaged_specials > 0)) {
    return MakeError(ErrorCode::kCorrupt, info.name, "broke its promise: this is a bug of ebb");
  }
  return kExitDone;
}

int List(bool json_wanted) {
  if (json_wanted) {
    OrderedJson json;
    json["codecs"] = OrderedJson::array();
    for (const auto& codec : Codecs()) {
      const CodecInfo& info = codec->info();
      json["codecs"].push_back({{"name", info.name},
                                {"guaranteed", info.guaranteed},
                                {"available", info.available},
                                {"reason", info.reason}});
    }
    PrintJson(json);
    return kExitDone;
  }
  for (const auto& codec : Codecs()) {
    const CodecInfo& info = codec->info();
    fmt::print("{:<20} {:<14} {:<14} {}\n", info.name,
               info.guaranteed ? "guaranteed" : "no guarantee",
               info.available ? "available" : "not available", info.reason);
  }
  return kExitDone;
}

}  // namespace

void AddCodec(CLI::App& app, CommandBody& body) {
  CLI::App* command = app.add_subcommand("codec", "Try a codec on an array, or list the codecs");
  command->require_subcommand(1);

  CLI::App* roundtrip =
      command->add_subcommand("roundtrip", "Encode and decode an array, and report size and error");
  const auto options = std::make_shared<RoundtripOptions>();
  roundtrip->add_option("IN", options->input, "float32 .npy, or bf16 as uint16; 1-D or 2-D")
      ->required();
  roundtrip->add_option("-o,--output", options->output, "The decoded array, float32")
      ->required()
      ->type_name("OUT.npy");
  roundtrip->add_option("--codec", options->codec, "Codec, see `ebb codec list`")
      ->capture_default_str()
      ->type_name("NAME");
  roundtrip
      ->add_option("--bound", options->bound,
                   "rel:R (R x mean|w| over the whole array), abs:E or lossless")
      ->required()
      ->type_name("BOUND");
  roundtrip->add_option("--seed", options->seed, "For codecs that draw random numbers")
      ->capture_default_str();
  roundtrip->add_option("--stream", options->stream, "Also keep the codec's own bytes")
      ->type_name("FILE");
  AddJsonFlag(*roundtrip, &options->json);
  roundtrip->callback([options, &body] { body = [options] { return Roundtrip(*options); }; });

  CLI::App* list = command->add_subcommand("list", "List the codecs");
  const auto json = std::make_shared<bool>(false);
  AddJsonFlag(*list, json.get());
  list->callback([json, &body] { body = [json]() -> Result<int> { return List(*json); }; });
}

}  // namespace ebb
