#include "checkpoint/safetensors_writer.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"

namespace ebb {
namespace {

constexpr uint64_t kMaxTotalBytes = uint64_t{1} << 63;

uint64_t BytesOf(const TensorToWrite& tensor) {
  uint64_t bytes = DTypeBytes(tensor.dtype);
  for (const uint64_t size : tensor.shape) bytes *= size;
  return bytes;
}

Status CheckTensors(const std::vector<TensorToWrite>& tensors, const std::string& where) {
  std::set<std::string_view> names;
  uint64_t total = 0;
  for (const TensorToWrite& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      return MakeError(ErrorCode::kInvalidArgument, where, "the tensor {} is given twice",
                       QuotedName(tensor.name));
    }
    std::optional<uint64_t> bytes = CheckedProduct(tensor.shape);
    if (bytes) bytes = CheckedMul(*bytes, DTypeBytes(tensor.dtype));
    if (bytes) bytes = CheckedAdd(total, *bytes);
    if (!bytes || *bytes > kMaxTotalBytes) {
      return MakeError(ErrorCode::kInvalidArgument, where, "the tensor {} is too large: {}",
                       QuotedName(tensor.name), ShapeText(tensor.shape));
    }
    total = *bytes;
  }
  return {};
}

std::string JsonText(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string PathIn(const std::string& folder, const std::string& name) {
  return folder + "/" + name;
}

}  // namespace

Result<SafetensorsWriter> SafetensorsWriter::Create(const std::string& folder,
                                                    std::vector<TensorToWrite> tensors,
                                                    uint64_t max_shard_bytes) {
  EBB_TRY(CheckTensors(tensors, folder));
  SafetensorsWriter writer(folder, std::move(tensors));
  EBB_TRY(writer.PlanShards(max_shard_bytes));
  EBB_TRY(writer.OpenNextShard());
  return writer;
}

Status SafetensorsWriter::PlanShards(uint64_t max_shard_bytes) {
  shards_.emplace_back();
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const uint64_t bytes = BytesOf(tensors_[i]);
    if (shards_.back().bytes > 0 && shards_.back().bytes + bytes > max_shard_bytes) {
      shards_.push_back({"", i, i, 0});
    }
    shards_.back().end_tensor = i + 1;
    shards_.back().bytes += bytes;
  }
  for (size_t i = 0; i < shards_.size(); ++i) {
    Shard& shard = shards_[i];
    shard.name = shards_.size() == 1
                     ? "model.safetensors"
                     : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards_.size());
    std::stable_sort(tensors_.begin() + static_cast<ptrdiff_t>(shard.first_tensor),
                     tensors_.begin() + static_cast<ptrdiff_t>(shard.end_tensor),
                     [](const TensorToWrite& a, const TensorToWrite& b) {
                       return DTypeBytes(a.dtype) > DTypeBytes(b.dtype);
                     });
    const uint64_t header_bytes = Header(shard).size() - kSafetensorsStartBytes;
    if (header_bytes > kMaxSafetensorsHeaderBytes) {
      return MakeError(ErrorCode::kInvalidArgument, PathIn(folder_, shard.name),
                       "a header of {} bytes is more than the format allows", header_bytes);
    }
  }
  return {};
}

std::string SafetensorsWriter::Header(const Shard& shard) const {
  std::string text = R"({"__metadata__":{"format":"pt"})";
  uint64_t offset = 0;
  for (size_t i = shard.first_tensor; i < shard.end_tensor; ++i) {
    const TensorToWrite& tensor = tensors_[i];
    const uint64_t end = offset + BytesOf(tensor);
    text += fmt::format(R"(,{}:{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})",
                        JsonText(tensor.name), DTypeName(tensor.dtype), ShapeText(tensor.shape),
                        offset, end);
    offset = end;
  }
  text += "}";
  text.resize(AlignUp(text.size(), 8), ' ');
  std::string start(kSafetensorsStartBytes, '\0');
  StoreLe<uint64_t>(reinterpret_cast<std::byte*>(start.data()), text.size());
  return start + text;
}

std::string SafetensorsWriter::Index() const {
  uint64_t total = 0;
  Json map = Json::object();
  for (const Shard& shard : shards_) {
    total += shard.bytes;
    for (size_t i = shard.first_tensor; i < shard.end_tensor; ++i) {
      map[tensors_[i].name] = shard.name;
    }
  }
  const Json json = {{"metadata", {{"total_size", total}}}, {"weight_map", std::move(map)}};
  return JsonText(json, 2) + "\n";
}

Status SafetensorsWriter::OpenNextShard() {
  const Shard& shard = shards_[files_.size()];
  EBB_TRY_ASSIGN(AtomicFile file, AtomicFile::Create(PathIn(folder_, shard.name)));
  EBB_TRY(file.Append(Header(shard)));
  files_.push_back(std::move(file));
  left_in_shard_bytes_ = shard.bytes;
  return {};
}

Status SafetensorsWriter::Append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (left_in_shard_bytes_ == 0) {
      if (files_.size() == shards_.size()) {
        return MakeError(ErrorCode::kInvalidArgument, folder_,
                         "{} more bytes than the tensors have", bytes.size());
      }
      EBB_TRY(OpenNextShard());
      continue;
    }
    const uint64_t step = std::min<uint64_t>(left_in_shard_bytes_, bytes.size());
    EBB_TRY(files_.back().Append(bytes.first(step)));
    left_in_shard_bytes_ -= step;
    bytes = bytes.subspan(step);
  }
  return {};
}

Status SafetensorsWriter::Finish() {
  if (left_in_shard_bytes_ != 0 || files_.size() != shards_.size()) {
    return MakeError(ErrorCode::kInvalidArgument, folder_,
                     "the writer was finished {} bytes before the end of {}", left_in_shard_bytes_,
                     shards_[files_.size() - 1].name);
  }
  for (size_t i = 0; i < files_.size(); ++i) {
    Status committed = files_[i].Commit();
    if (!committed) return Abandon(i, std::move(committed));
  }
  Status indexed = WriteIndex();
  return indexed ? indexed : Abandon(files_.size(), std::move(indexed));
}

Status SafetensorsWriter::Abandon(size_t committed, Status why) const {
  for (size_t i = 0; i < committed; ++i) {
    (void)unlink(PathIn(folder_, shards_[i].name).c_str());
  }
  return why;
}

Status SafetensorsWriter::WriteIndex() const {
  if (shards_.size() == 1) return {};
  EBB_TRY_ASSIGN(AtomicFile index,
                 AtomicFile::Create(PathIn(folder_, "model.safetensors.index.json")));
  EBB_TRY(index.Append(Index()));
  return index.Commit();
}

}  // namespace ebb
