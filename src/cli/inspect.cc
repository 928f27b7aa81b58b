// ebb inspect: what an .ebb file holds.
#include <map>
#include <memory>

#include "base/units.h"
#include "cli/command.h"
#include "codec/bound.h"
#include "packed/packed_source.h"

namespace ebb {
namespace {

// Bytes of each tensor of a group: those of its chunks, shared by elements where one chunk holds
// several.
std::vector<double> TensorBytes(const ContainerIndex& index, const GroupRecord& group) {
  std::vector<double> bytes;
  uint64_t first = 0;
  for (const TensorRecord& tensor : index.TensorsOf(group)) {
    const uint64_t end = first + tensor.elements();
    double sum = 0;
    for (const ChunkRecord& chunk : index.ChunksOf(group)) {
      const uint64_t from = std::max(first, chunk.first_element);
      const uint64_t to = std::min(end, chunk.first_element + chunk.elements);
      if (from < to)
        sum += static_cast<double>(chunk.bytes) * static_cast<double>(to - from) / chunk.elements;
    }
    bytes.push_back(sum);
    first = end;
  }
  return bytes;
}

struct Row {
  const TensorRecord* record;
  const TensorSpec* spec;
  double bytes;
};

std::vector<Row> Rows(const PackedSource& packed) {
  const ContainerIndex& index = packed.container().index();
  std::vector<Row> rows;
  for (const GroupRecord& group : index.groups) {
    const std::vector<double> bytes = TensorBytes(index, group);
    for (size_t t = 0; t < group.tensors; ++t) {
      const size_t i = group.first_tensor + t;
      rows.push_back({&packed.Record(i), &packed.tensors()[i], bytes[t]});
    }
  }
  return rows;
}

uint64_t ExpertBytes(const PackedSource& packed) {
  uint64_t bytes = 0;
  for (size_t g = 0; g < packed.groups().size(); ++g) {
    if (packed.groups()[g].routed_expert) bytes += packed.container().index().groups[g].bytes;
  }
  return bytes;
}

OrderedJson ToJson(const PackedSource& packed, const std::string& path) {
  const ModelConfig& config = packed.config();
  OrderedJson json;
  json["file"] = path;
  json["format_version"] = kFormatVersion;
  json["architecture"] = ArchitectureName(config.architecture);
  json["layers"] = config.num_layers;
  json["experts_per_layer"] = config.moe.num_experts;
  json["made_with"] = OrderedJson::parse(packed.container().index().attributes, nullptr, false);
  json["total_bytes"] = packed.container().file().size_bytes();
  json["expert_bytes"] = ExpertBytes(packed);
  json["tensors"] = OrderedJson::array();
  for (const Row& row : Rows(packed)) {
    OrderedJson tensor;
    tensor["name"] = row.record->name;
    tensor["shape"] = row.record->shape;
    tensor["dtype"] = DTypeName(static_cast<DType>(row.record->dtype));
    tensor["codec"] = packed.container().index().codecs[row.record->codec];
    tensor["bytes"] = static_cast<uint64_t>(row.bytes);
    tensor["bits_per_weight"] = row.bytes * 8 / static_cast<double>(row.record->elements());
    tensor["bound_abs"] = row.record->bound_abs;
    json["tensors"].push_back(std::move(tensor));
  }
  return json;
}

// "experts of layer 3" or a tensor's own name: experts are too many to list one by one.
struct Summary {
  uint64_t tensors = 0;
  uint64_t weights = 0;
  double bytes = 0;
  double least_bound = INFINITY;
  double largest_bound = 0;
};

void PrintTable(const PackedSource& packed, const std::string& path) {
  const ModelConfig& config = packed.config();
  fmt::print("{}: .ebb version {}, {}, {} layers, {} experts a layer, {}\n", path, kFormatVersion,
             ArchitectureName(config.architecture), config.num_layers, config.moe.num_experts,
             FormatSize(packed.container().file().size_bytes()));
  fmt::print("made with {}\n\n", packed.container().index().attributes);
  std::vector<std::pair<std::string, Summary>> lines;
  for (const Row& row : Rows(packed)) {
    std::string name = row.record->name;
    if (IsRoutedExpert(row.spec->role))
      name = fmt::format("routed experts of layer {}", row.spec->layer.value);
    if (lines.empty() || lines.back().first != name) lines.push_back({name, {}});
    Summary& summary = lines.back().second;
    ++summary.tensors;
    summary.weights += row.record->elements();
    summary.bytes += row.bytes;
    summary.least_bound = std::min(summary.least_bound, double{row.record->bound_abs});
    summary.largest_bound = std::max(summary.largest_bound, double{row.record->bound_abs});
  }
  fmt::print("{:<56} {:>14} {:>12} {:>8}  {}\n", "tensor", "weights", "size", "bits/w",
             "absolute bound");
  for (const auto& [name, s] : lines) {
    const std::string bound = s.largest_bound == 0 ? "lossless"
                              : s.least_bound == s.largest_bound
                                  ? fmt::format("{:.3g}", s.largest_bound)
                                  : fmt::format("{:.3g} to {:.3g}", s.least_bound, s.largest_bound);
    fmt::print("{:<56} {:>14} {:>12} {:>8.3f}  {}\n", name, FormatCount(s.weights),
               FormatSize(static_cast<uint64_t>(s.bytes)),
               s.bytes * 8 / static_cast<double>(s.weights), bound);
  }
}

}  // namespace

void AddInspect(CLI::App& app, CommandBody& body) {
  CLI::App* command = app.add_subcommand("inspect", "Show what an .ebb file holds");
  struct Options {
    std::string file;
    bool json = false;
  };
  const auto options = std::make_shared<Options>();
  command->add_option("FILE", options->file, "The .ebb file")->required();
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] {
    body = [options]() -> Result<int> {
      EBB_TRY_ASSIGN(const auto packed, PackedSource::Open(options->file));
      if (options->json) {
        PrintJson(ToJson(*packed, options->file));
      } else {
        PrintTable(*packed, options->file);
      }
      return kExitDone;
    };
  });
}

}  // namespace ebb
