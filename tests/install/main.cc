// What a user of the library would write first.
#include <ebb/codec.h>
#include <ebb/model.h>
#include <ebb/packed_file.h>

#include <cmath>
#include <cstdio>
#include <vector>

namespace {

int Fail(const char* what, const ebb::Error& error) {
  std::fprintf(stderr, "%s: %s\n", what, error.ToString().c_str());
  return 1;
}

}  // namespace

// Arguments: an .ebb file and the checkpoint that it was made of.
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::vector<float> weights;
  for (int i = 0; i < 64 * 128; ++i) weights.push_back(std::sin(static_cast<float>(i)));
  const auto encoded = ebb::EncodeWeights(weights, 64, 128, "rel:0.1");
  if (!encoded) return Fail("encode", encoded.error());
  std::vector<float> decoded(weights.size());
  if (const auto status = ebb::DecodeWeights(*encoded, decoded); !status)
    return Fail("decode", status.error());
  for (size_t i = 0; i < weights.size(); ++i) {
    if (std::abs(decoded[i] - weights[i]) > encoded->bound) return 1;
  }
  const auto file = ebb::PackedFile::Open(argv[1]);
  if (!file) return Fail("open file", file.error());
  const auto tensor = file->ReadTensor(file->tensors().back().name);
  if (!tensor) return Fail("read", tensor.error());

  ebb::ModelSettings settings;
  settings.memory_cap_bytes = 16 << 20;
  auto packed = ebb::Model::Open(argv[1], settings);
  if (!packed) return Fail("open model", packed.error());
  auto checkpoint = ebb::Model::Open(argv[2]);
  if (!checkpoint) return Fail("open checkpoint", checkpoint.error());
  const std::vector<int32_t> tokens = {1, 2, 3};
  const auto a = packed->Logits(tokens);
  const auto b = checkpoint->Logits(tokens);
  if (!a) return Fail("logits", a.error());
  if (!b) return Fail("logits", b.error());
  if (*a != *b) {
    std::fprintf(stderr, "a lossless file and its checkpoint give different logits\n");
    return 1;
  }
  std::printf("%zu bytes for %zu weights; %zu tensors; %zu logits\n", encoded->bytes.size(),
              weights.size(), file->tensors().size(), a->size());
  return 0;
}
