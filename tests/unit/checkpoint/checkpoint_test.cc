#include "checkpoint/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "unit/checkpoint/test_checkpoint.h"

namespace ebb {
namespace {

using ::testing::HasSubstr;

// The error of opening a folder, without the folder's own path.
std::string OpenError(const TempDir& dir) {
  const auto source = OpenCheckpoint(dir.path());
  if (source) return "";
  std::string text = source.error().ToString();
  const size_t at = text.find(dir.path());
  return at == std::string::npos ? text : text.replace(at, dir.path().size(), "DIR");
}

std::string OpenError(const TestCheckpoint& checkpoint) {
  const TempDir dir;
  checkpoint.Write(dir);
  return OpenError(dir);
}

std::vector<float> Values(const WeightSource& source, const TensorSpec& tensor) {
  std::vector<float> values(tensor.elements());
  EXPECT_EQ(source.DTypeOf(tensor).value(), DType::kF32);
  EXPECT_TRUE(source.ReadRows(tensor, 0, tensor.rows(), std::as_writable_bytes(std::span(values))));
  return values;
}

// Opens `checkpoint` and expects the weights of `original`, tensor by tensor.
void ExpectSameWeights(const TestCheckpoint& checkpoint, const TestCheckpoint& original) {
  const TempDir dir;
  checkpoint.Write(dir);
  const auto source = OpenCheckpoint(dir.path());
  ASSERT_TRUE(source.has_value()) << source.error().ToString();
  ASSERT_EQ((*source)->tensors().size(), original.tensors.size());
  for (const TensorSpec& tensor : (*source)->tensors()) {
    EXPECT_EQ(Values(**source, tensor), original.tensors.at(tensor.name).values) << tensor.name;
  }
}

const std::string kDeepseekExperts = "model.layers.1.mlp.experts.";
const std::string kMixtralExperts = "model.layers.0.block_sparse_moe.experts.";

// The three experts of kSmallMixtral fused as transformers 5 does, under `prefix`.
void FuseMixtral(TestCheckpoint& checkpoint, const std::string& prefix) {
  std::vector<std::string> gate_up, down;
  for (const char* expert : {"0", "1", "2"}) {
    gate_up.push_back(kMixtralExperts + expert + ".w1.weight");
    gate_up.push_back(kMixtralExperts + expert + ".w3.weight");
    down.push_back(kMixtralExperts + expert + ".w2.weight");
  }
  checkpoint.Fuse(gate_up, prefix + "gate_up_proj", {3, 8, 6});
  checkpoint.Fuse(down, prefix + "down_proj", {3, 6, 4});
}

TEST(Checkpoint, EveryLayoutOfExpertsGivesTheSameWeights) {
  const TestCheckpoint original(kSmallMixtral);
  ExpectSameWeights(original, original);

  TestCheckpoint fused(kSmallMixtral);
  FuseMixtral(fused, "model.layers.0.mlp.experts.");
  fused.Rename("model.layers.0.block_sparse_moe.gate.weight", "model.layers.0.mlp.gate.weight");
  ExpectSameWeights(fused, original);

  TestCheckpoint fused_in_place(kSmallMixtral);
  FuseMixtral(fused_in_place, kMixtralExperts);
  ExpectSameWeights(fused_in_place, original);

  TestCheckpoint one_by_one(kSmallMixtral);
  for (const auto& [part, shape] : std::map<std::string, std::vector<uint64_t>>{
           {"w1", {3, 4, 6}}, {"w2", {3, 6, 4}}, {"w3", {3, 4, 6}}}) {
    std::vector<std::string> names;
    for (const char* expert : {"0.", "1.", "2."}) {
      names.push_back(kMixtralExperts + expert + part + ".weight");
    }
    one_by_one.Fuse(names, kMixtralExperts + part + ".weight", shape);
  }
  ExpectSameWeights(one_by_one, original);

  const TestCheckpoint deepseek(kSmallDeepseek);
  TestCheckpoint deepseek_fused(kSmallDeepseek);
  const auto name = [](const char* expert, const char* part) {
    return kDeepseekExperts + expert + part + ".weight";
  };
  deepseek_fused.Fuse({name("0.", "gate_proj"), name("0.", "up_proj"), name("1.", "gate_proj"),
                       name("1.", "up_proj")},
                      kDeepseekExperts + "gate_up_proj", {2, 6, 6});
  deepseek_fused.Fuse({name("0.", "down_proj"), name("1.", "down_proj")},
                      kDeepseekExperts + "down_proj", {2, 6, 3});
  ExpectSameWeights(deepseek_fused, deepseek);
}

TEST(Checkpoint, ShardsAreOneCheckpoint) {
  const TestCheckpoint checkpoint(kSmallDeepseek);
  const TempDir dir;
  checkpoint.Write(dir, 200);
  EXPECT_FALSE(FileExists(dir.Path("model.safetensors")));
  const auto source = OpenCheckpoint(dir.path()).value();
  for (const TensorSpec& tensor : source->tensors()) {
    EXPECT_EQ(Values(*source, tensor), checkpoint.tensors.at(tensor.name).values);
  }
}

TEST(Checkpoint, RowsOfATensor) {
  const TempDir dir;
  TestCheckpoint checkpoint(kSmallMixtral);
  FuseMixtral(checkpoint, kMixtralExperts);
  checkpoint.Write(dir);
  const auto source = OpenCheckpoint(dir.path()).value();
  for (const TensorSpec& tensor : source->tensors()) {
    const std::vector<float> whole = Values(*source, tensor);
    std::vector<float> row(tensor.cols());
    for (uint64_t r = 0; r < tensor.rows(); ++r) {
      ASSERT_TRUE(source->ReadRows(tensor, r, 1, std::as_writable_bytes(std::span(row))));
      EXPECT_TRUE(std::equal(row.begin(), row.end(), whole.data() + r * tensor.cols()));
    }
    EXPECT_TRUE(source->ReadRows(tensor, tensor.rows(), 0, {}));
    const auto bytes = std::as_writable_bytes(std::span(row));
    EXPECT_FALSE(source->ReadRows(tensor, tensor.rows(), 1, bytes));
    EXPECT_FALSE(source->ReadRows(tensor, UINT64_MAX, 1, bytes));
    EXPECT_FALSE(source->ReadRows(tensor, 0, 1, bytes.first(bytes.size() - 1)));
    EXPECT_FALSE(source->ReadRows(tensor, 0, UINT64_MAX / 4, bytes));
  }
  TensorSpec foreign = source->tensors().front();
  foreign.name = "other";
  EXPECT_THAT(source->DTypeOf(foreign).error().ToString(), HasSubstr("no tensor \"other\""));
}

TEST(Checkpoint, SideFilesTravelAlong) {
  const TempDir dir;
  TestCheckpoint(kSmallMixtral).Write(dir);
  dir.Write("tokenizer.json", "{}");
  dir.Write("chat_template.jinja", "x");
  dir.Write("README.md", "not wanted");
  const auto source = OpenCheckpoint(dir.path()).value();
  EXPECT_EQ(source->side_files().size(), 3u);
  EXPECT_EQ(source->side_files().at("tokenizer.json"), "{}");
  EXPECT_EQ(source->side_files().at("chat_template.jinja"), "x");
  std::filesystem::resize_file(dir.Path("tokenizer.json"), (uint64_t{64} << 20) + 1);
  EXPECT_EQ(OpenError(dir),
            "DIR/tokenizer.json: the file has 67108865 bytes; at most 67108864 are expected");
}

TEST(Checkpoint, WhatIsKnownToBeHarmlessIsSteppedOver) {
  TestCheckpoint checkpoint(kSmallDeepseek);
  checkpoint.config()["num_nextn_predict_layers"] = 1;
  checkpoint.config()["n_shared_experts"] = 0;
  checkpoint.config()["tie_word_embeddings"] = true;
  checkpoint.tensors["lm_head.weight"] = checkpoint.tensors["model.embed_tokens.weight"];
  for (const char* part : {"gate_proj", "up_proj"}) {
    checkpoint.tensors.erase(std::string("model.layers.1.mlp.shared_experts.") + part + ".weight");
    checkpoint.Add(std::string("model.layers.1.mlp.shared_experts.") + part + ".weight", {0, 6});
  }
  checkpoint.tensors.erase("model.layers.1.mlp.shared_experts.down_proj.weight");
  checkpoint.Add("model.layers.1.mlp.shared_experts.down_proj.weight", {6, 0});
  checkpoint.Add("model.layers.0.self_attn.rotary_emb.inv_freq", {1});
  checkpoint.Add("model.layers.2.eh_proj.weight", {6, 12});
  checkpoint.Add("model.layers.2.embed_tokens.weight", {7, 6});
  EXPECT_EQ(OpenError(checkpoint), "");

  checkpoint.tensors["lm_head.weight"].values[5] += 1;
  EXPECT_EQ(OpenError(checkpoint),
            "DIR: lm_head.weight differs from the embedding, but \"tie_word_embeddings\" is true; "
            "set it to false in config.json");
}

TEST(Checkpoint, WhatTheArchitectureDoesNotKnowIsRefused) {
  const auto refusal = [](const std::string& name) {
    return "DIR/model.safetensors: the tensor \"" + name +
           "\" does not belong to a DeepseekV3ForCausalLM with this config.json";
  };
  TestCheckpoint bias(kSmallDeepseek);
  bias.Add("model.layers.0.self_attn.o_proj.bias", {6});
  EXPECT_EQ(OpenError(bias), refusal("model.layers.0.self_attn.o_proj.bias"));
  bias.Add("zzz", {6});
  EXPECT_EQ(OpenError(bias), refusal("model.layers.0.self_attn.o_proj.bias") + ", nor do 1 more");

  TestCheckpoint layer(kSmallDeepseek);  // config.json has no multi-token-prediction layers
  layer.Add("model.layers.2.input_layernorm.weight", {6});
  EXPECT_EQ(OpenError(layer), refusal("model.layers.2.input_layernorm.weight"));

  TestCheckpoint both(kSmallDeepseek);  // experts one by one, and fused as well
  both.Add(kDeepseekExperts + "down_proj", {2, 6, 3});
  EXPECT_EQ(OpenError(both), refusal("model.layers.1.mlp.experts.down_proj"));
}

TEST(Checkpoint, TensorsThatDoNotFit) {
  TestCheckpoint missing(kSmallDeepseek);
  missing.tensors.erase("model.layers.1.mlp.gate.e_score_correction_bias");
  EXPECT_EQ(OpenError(missing),
            "DIR: the tensor \"model.layers.1.mlp.gate.e_score_correction_bias\" is missing");

  TestCheckpoint missing_expert(kSmallDeepseek);
  missing_expert.tensors.erase(kDeepseekExperts + "1.up_proj.weight");
  EXPECT_EQ(OpenError(missing_expert),
            "DIR: the tensor \"model.layers.1.mlp.experts.1.up_proj.weight\" is missing");

  TestCheckpoint shape(kSmallDeepseek);
  shape.config()["vocab_size"] = 9;
  EXPECT_EQ(OpenError(shape),
            "DIR/model.safetensors: the tensor \"model.embed_tokens.weight\" has the shape [7, 6]; "
            "config.json implies [9, 6]");

  TestCheckpoint rank(kSmallDeepseek);
  rank.tensors["model.norm.weight"].shape = {1, 6};
  EXPECT_EQ(OpenError(rank),
            "DIR/model.safetensors: the tensor \"model.norm.weight\" has the shape [1, 6]; "
            "config.json implies [6]");

  TestCheckpoint transposed(kSmallMixtral);
  FuseMixtral(transposed, kMixtralExperts);
  transposed.tensors[kMixtralExperts + "gate_up_proj"].shape = {3, 6, 8};
  EXPECT_EQ(OpenError(transposed),
            "DIR/model.safetensors: the tensor \"" + kMixtralExperts +
                "gate_up_proj\" has the shape [3, 6, 8]; config.json implies [3, 8, 6] (matrices "
                "are stored [out, in])");

  TestCheckpoint experts(kSmallMixtral);
  FuseMixtral(experts, kMixtralExperts);
  experts.config()["num_local_experts"] = 2;
  experts.tensors["model.layers.0.block_sparse_moe.gate.weight"].shape = {2, 6};
  experts.tensors["model.layers.0.block_sparse_moe.gate.weight"].values.resize(12);
  EXPECT_EQ(OpenError(experts), "DIR/model.safetensors: the tensor \"" + kMixtralExperts +
                                    "gate_up_proj\" has the shape [3, 8, 6]; config.json implies "
                                    "[2, 8, 6]");
}

TEST(Checkpoint, ADTypeThatWeightsDoNotHave) {
  const TempDir dir;
  TestCheckpoint(kSmallMixtral).Write(dir);
  // Four times as many bytes of fp8 as there were floats.
  std::string file = ReadTextFile(dir.Path("model.safetensors"), 1 << 20).value();
  const std::string from = R"("model.norm.weight":{"dtype":"F32","shape":[6])";
  const std::string to = R"("model.norm.weight":{"dtype":"I64","shape":[3])";
  file.replace(file.find(from), from.size(), to);
  dir.Write("model.safetensors", file);
  EXPECT_EQ(OpenError(dir),
            "DIR/model.safetensors: the tensor \"model.norm.weight\" has elements of I64; only "
            "F32, F16 and BF16 are supported");
}

TEST(Checkpoint, FoldersWithoutAModel) {
  const TempDir dir;
  EXPECT_THAT(OpenCheckpoint(dir.Path("none")).error().ToString(),
              HasSubstr("not a checkpoint folder"));
  EXPECT_EQ(OpenError(dir), "DIR/config.json: the file is missing");
  dir.Write("config.json", "{");
  EXPECT_EQ(OpenError(dir), "DIR/config.json: bad JSON at byte 2");
  dir.Write("config.json", R"({"architectures": ["GPT2LMHeadModel"]})");
  EXPECT_THAT(OpenError(dir), HasSubstr("\"GPT2LMHeadModel\" is not supported"));
  dir.Write("config.json", kSmallMixtral);
  EXPECT_EQ(OpenError(dir),
            "DIR: no weights: neither model.safetensors nor model.safetensors.index.json is there");
  dir.Write("pytorch_model.bin", "");
  EXPECT_THAT(OpenError(dir), HasSubstr("(there is \"pytorch_model.bin\")"));
}

TEST(Checkpoint, TheIndexMustBeWellFormed) {
  const TempDir dir;
  TestCheckpoint(kSmallMixtral).Write(dir, 300);
  const auto error = [&](std::string_view index) {
    dir.Write("model.safetensors.index.json", index);
    std::string text = OpenError(dir);
    const std::string start = "DIR/model.safetensors.index.json: ";
    return text.starts_with(start) ? text.substr(start.size()) : text;
  };
  EXPECT_EQ(error("[1]"), "not a JSON object");
  EXPECT_EQ(error("{"), "bad JSON at byte 2");
  EXPECT_EQ(error("{}"), "\"weight_map\" is not an object");
  EXPECT_EQ(error(R"({"weight_map": []})"), "\"weight_map\" is not an object");
  EXPECT_EQ(error(R"({"weight_map": {}})"), "\"weight_map\" names no tensors");
  EXPECT_EQ(error(R"({"weight_map": {"a": 1}})"), "the file of the tensor \"a\" is not a string");
  for (const char* path : {"../model.safetensors", "/etc/x.safetensors", "sub/x.safetensors", "..",
                           "", "model.bin", "a\\\\b.safetensors", "a\\u0000.safetensors"}) {
    EXPECT_THAT(error(fmt::format(R"({{"weight_map": {{"a": "{}"}}}})", path)),
                HasSubstr("which is not the name of a .safetensors file of this folder"))
        << path;
  }
  EXPECT_EQ(error(R"({"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}})"),
            "bad JSON: the key \"a\" occurs twice");
}

TEST(Checkpoint, TheIndexMustAgreeWithTheShards) {
  const TempDir dir;
  TestCheckpoint(kSmallMixtral).Write(dir, 300);
  const std::string path = dir.Path("model.safetensors.index.json");
  const Json good = ReadJsonFile(path, 1 << 20).value();
  const auto error = [&](const Json& index) {
    dir.Write("model.safetensors.index.json", index.dump());
    return OpenError(dir);
  };
  EXPECT_EQ(error(good), "");

  Json absent = good;
  absent["weight_map"]["model.norm.weight"] = "model-00009-of-00009.safetensors";
  EXPECT_THAT(error(absent),
              HasSubstr("DIR/model-00009-of-00009.safetensors: the shard is missing"));

  Json unknown = good;
  unknown["weight_map"]["ghost"] = good["weight_map"]["model.norm.weight"];
  EXPECT_EQ(error(unknown),
            "DIR/model.safetensors.index.json: the tensor \"ghost\" is said to lie "
            "in " +
                good["weight_map"]["model.norm.weight"].dump() + ", which does not have it");

  Json elsewhere = good;
  elsewhere["weight_map"]["model.norm.weight"] = good["weight_map"]["lm_head.weight"];
  EXPECT_THAT(error(elsewhere), HasSubstr("\"model.norm.weight\" is said to lie in"));

  const std::string first = dir.Path(good["weight_map"]["lm_head.weight"].get<std::string>());
  std::filesystem::copy_file(first, dir.Path("zcopy.safetensors"));
  Json twice = good;
  twice["weight_map"]["copy"] = "zcopy.safetensors";
  EXPECT_THAT(error(twice), HasSubstr("zcopy.safetensors: the tensor \"lm_head.weight\" is in "));
}

TEST(Checkpoint, ShardsThatAreCut) {
  const TempDir dir;
  TestCheckpoint(kSmallMixtral).Write(dir);
  const std::string path = dir.Path("model.safetensors");
  const uint64_t size = std::filesystem::file_size(path);
  const auto source = OpenCheckpoint(dir.path()).value();
  std::filesystem::resize_file(path, size - 1);
  EXPECT_THAT(OpenError(dir), HasSubstr("DIR/model.safetensors: truncated: the tensor "));
  // A file that shrinks under an open checkpoint is an error of the read, not a crash.
  std::filesystem::resize_file(path, 100);
  const TensorSpec& tensor = source->tensors().front();
  std::vector<std::byte> bytes(tensor.elements() * 4);
  EXPECT_THAT(source->ReadRows(tensor, 0, tensor.rows(), bytes).error().ToString(),
              HasSubstr("(tensor \"model.embed_tokens.weight\")"));
}

}  // namespace
}  // namespace ebb
