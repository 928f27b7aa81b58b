#include "pack/compress.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>

#include "base/bytes.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/version.h"
#include "container/writer.h"
#include "packed/chunk_values.h"
#include "packed/tensor_groups.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

// The codecs of a file, by number.
constexpr uint8_t kEbbCodec = 0;
constexpr uint8_t kRawCodec = 1;
constexpr uint8_t kPeerCodec = 2;

std::string OwnCodecName(const CompressOptions& options) {
  return std::string(options.setting == CodecSetting::kFast ? kCodecEbbFast : kCodecEbbSmall);
}

std::vector<std::string> CodecNames(const CompressOptions& options) {
  std::vector<std::string> names = {OwnCodecName(options), std::string(kCodecRaw)};
  if (options.peer != nullptr) names.push_back(options.peer->info().name);
  return names;
}

constexpr uint64_t kGroupRecordBytes = 24;
constexpr uint64_t kChunkRecordBytes = 16;

// A piece and the group that it belongs to.
struct Task {
  size_t group;
  size_t piece;
};

// Scratch of those who encode now, and that of those who are done, for the next. Thread-safe.
class Scratches {
 public:
  std::unique_ptr<EncodeScratch> Take(CodecSetting setting) {
    const std::lock_guard lock(mutex_);
    auto scratch = std::make_unique<EncodeScratch>(setting);
    if (!free_.empty()) {
      scratch = std::move(free_.back());
      free_.pop_back();
    }
    if (!bytes_.empty()) {
      scratch->out = std::move(bytes_.back());
      bytes_.pop_back();
    }
    return scratch;
  }
  void Give(std::unique_ptr<EncodeScratch> scratch) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(scratch));
  }
  void GiveBytes(std::vector<std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    bytes_.push_back(std::move(bytes));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<EncodeScratch>> free_;
  std::vector<std::vector<std::byte>> bytes_;
};

class Compressor {
 public:
  Compressor(const WeightSource& source, const CompressOptions& options, ContainerWriter& writer)
      : source_(source),
        options_(options),
        writer_(writer),
        groups_(GroupTensors(source.tensors())) {}

  Status Run(const ThreadPool& threads) {
    EBB_TRY(WriteSideFiles());
    std::vector<Task> tasks;
    for (size_t g = 0; g < groups_.size(); ++g) {
      EBB_TRY_ASSIGN(
          auto encoder,
          GroupEncoder::Create(source_, TensorsOf(g), BoundOf(g), ScopeOf(g), options_.setting,
                               groups_[g].routed_expert ? options_.peer : nullptr));
      for (const TensorSpec& tensor : TensorsOf(g)) progress_.total += tensor.elements();
      if (g < writer_.groups_written()) {
        for (const TensorSpec& tensor : TensorsOf(g)) progress_.done += tensor.elements();
      } else {
        for (size_t p = 0; p < encoder->pieces().size(); ++p) tasks.push_back({g, p});
      }
      encoders_.push_back(std::move(encoder));
    }
    std::vector<std::optional<Result<EncodedPiece>>> results(tasks.size());
    const auto in_flight = static_cast<size_t>(threads.threads()) + 1;
    threads.RunInOrder(
        tasks.size(), in_flight,
        [&](size_t i) {
          GroupEncoder& encoder = *encoders_[tasks[i].group];
          auto scratch = scratches_.Take(options_.setting);
          results[i] = encoder.Encode(encoder.pieces()[tasks[i].piece], scratch.get());
          scratches_.Give(std::move(scratch));
        },
        [&](size_t i) {
          status_ = Write(tasks[i], *results[i]);
          if (status_) scratches_.GiveBytes(std::move((*results[i])->bytes));
          results[i].reset();
          return status_.has_value();
        });
    return status_;
  }

  CompressReport Report() const {
    CompressReport report;
    const ContainerIndex& index = writer_.index();
    uint64_t previous_end = kDataStart;
    for (const SideFileRecord& file : index.side_files) previous_end = file.offset + file.bytes;
    for (size_t g = 0; g < groups_.size(); ++g) {
      const GroupRecord& group = index.groups[g];
      for (const TensorSpec& tensor : TensorsOf(g)) report.total_weights += tensor.elements();
      if (groups_[g].routed_expert) {
        ++report.experts;
        report.expert_bytes += group.offset - previous_end + group.bytes + kGroupRecordBytes +
                               group.chunks * kChunkRecordBytes;
        EncodeStatistics statistics;
        std::memcpy(&statistics, writer_.notes()[g].data(), sizeof(statistics));
        report.expert_statistics.Add(statistics);
      }
      previous_end = group.offset + group.bytes;
    }
    return report;
  }

 private:
  std::span<const TensorSpec> TensorsOf(size_t g) const {
    return std::span(source_.tensors()).subspan(groups_[g].first_tensor, groups_[g].tensors);
  }
  ErrorBound BoundOf(size_t g) const {
    const ErrorBound bound = options_.plan.BoundOf(TensorsOf(g)[0]);
    return bound.IsLossless() ? ErrorBound::Lossless() : bound;
  }
  // A dense tensor is a group of its own: its expert is itself.
  BoundScope ScopeOf(size_t) const { return options_.scope; }

  Status WriteSideFiles() {
    size_t done = writer_.side_files().size();
    if (writer_.groups_written() > 0) return {};
    for (const auto& [name, content] : source_.side_files()) {
      if (done > 0) {
        --done;
        continue;
      }
      EBB_TRY(writer_.AddSideFile(name, content));
    }
    return {};
  }

  Status Write(const Task& task, Result<EncodedPiece>& result) {
    EBB_TRY(result);
    const GroupEncoder& encoder = *encoders_[task.group];
    if (task.piece == 0) {
      const bool large = encoder.pieces().size() > 1 || result->bytes.size() >= kLargeGroupBytes;
      EBB_TRY(writer_.BeginGroup(large));
      statistics_ = {};
      histograms_.assign(result->histograms.size(), {});
      code_bytes_.assign(TensorsOf(task.group).size(), 1);
    }
    std::span<const std::byte> rest = result->bytes;
    size_t c = encoder.pieces()[task.piece].first_chunk;
    for (const EncodedPiece::Chunk& chunk : result->chunks) {
      const ChunkSpan& span = encoder.chunks()[c++];
      for (size_t t = 0; t < code_bytes_.size(); ++t) {
        if (span.whole_group || span.tensor == t) {
          code_bytes_[t] = std::max(code_bytes_[t], chunk.code_bytes);
        }
      }
      EBB_TRY(writer_.AppendChunk(rest.first(chunk.bytes), chunk.elements));
      rest = rest.subspan(chunk.bytes);
    }
    statistics_.Add(result->statistics);
    for (size_t i = 0; i < histograms_.size(); ++i) histograms_[i].Add(result->histograms[i]);
    progress_.done += result->statistics.weights;
    if (options_.progress) options_.progress(progress_);
    if (task.piece + 1 < encoder.pieces().size()) return {};

    for (const CodeHistogram& histogram : histograms_) {
      statistics_.entropy_bits += histogram.EntropyBits() * static_cast<double>(histogram.count());
      statistics_.entropy_weights += histogram.count();
    }
    std::vector<std::byte> note(sizeof(statistics_));
    std::memcpy(note.data(), &statistics_, sizeof(statistics_));
    return writer_.EndGroup(Records(task.group, result->raw), std::move(note));
  }

  std::vector<TensorRecord> Records(size_t g, bool raw) const {
    const GroupEncoder& encoder = *encoders_[g];
    std::vector<TensorRecord> records;
    for (size_t t = 0; t < TensorsOf(g).size(); ++t) {
      const TensorSpec& tensor = TensorsOf(g)[t];
      TensorRecord& record = records.emplace_back();
      record.name = tensor.name;
      record.dtype = static_cast<uint8_t>(encoder.dtype_of(t));
      record.shape = tensor.shape;
      record.codec = encoder.uses_peer() ? kPeerCodec : raw ? kRawCodec : kEbbCodec;
      const ErrorBound bound = encoder.StoredBound(t);
      record.bound_kind = static_cast<uint8_t>(bound.kind);
      record.bound_value = bound.value;
      record.bound_abs = encoder.LargestBound(t);
      record.code_bytes = code_bytes_[t];
    }
    return records;
  }

  const WeightSource& source_;
  const CompressOptions& options_;
  ContainerWriter& writer_;
  std::vector<TensorGroup> groups_;
  std::vector<std::unique_ptr<GroupEncoder>> encoders_;
  Scratches scratches_;
  Progress progress_;
  Status status_;
  // Of the group that is being written.
  EncodeStatistics statistics_;
  std::vector<CodeHistogram> histograms_;
  std::vector<uint8_t> code_bytes_;  // of its tensors
};

std::string CodecName(const CompressOptions& options) {
  return options.peer != nullptr ? options.peer->info().name : OwnCodecName(options);
}

uint64_t KeyOf(const WeightSource& source, const CompressOptions& options) {
  std::string text =
      fmt::format("{}|{}|{}|{}|{}|{}", kVersion, kFormatVersion, options.source_fingerprint,
                  BoundScopeName(options.scope), options.plan.Fingerprint(), CodecName(options));
  for (const auto& [name, content] : source.side_files()) text += "|" + name + "|" + content;
  return Xxh3(std::as_bytes(std::span(text)));
}

std::string Attributes(const CompressOptions& options) {
  OrderedJson json;
  json["producer"] = fmt::format("ebb {}", kVersion);
  json["codec"] = CodecName(options);
  json["bound"] = options.plan.default_bound.ToString();
  json["scope"] = BoundScopeName(options.scope);
  json["dense_bound"] = options.plan.dense_bound.ToString();
  json["planned_layers"] = options.plan.layers.size();
  json["planned_experts"] = options.plan.experts.size();
  return json.dump();
}

}  // namespace

Result<CompressReport> Compress(const WeightSource& source, const std::string& path,
                                const CompressOptions& options, const ThreadPool& threads) {
  const Clock::time_point start = Clock::now();
  EBB_TRY_ASSIGN(const auto writer, ContainerWriter::Open(path, KeyOf(source, options)));
  const size_t resumed = writer->groups_written();
  Compressor compressor(source, options, *writer);
  EBB_TRY(compressor.Run(threads));
  EBB_TRY_ASSIGN(const uint64_t file_bytes,
                 writer->Finish(Attributes(options), CodecNames(options)));
  CompressReport report = compressor.Report();
  report.file_bytes = file_bytes;
  report.resumed_groups = resumed;
  report.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return report;
}

Result<uint64_t> FingerprintFolder(const std::string& path) {
  std::vector<std::string> lines;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (!entry.is_regular_file(error)) continue;
    lines.push_back(fmt::format("{}|{}|{}", entry.path().filename().string(),
                                entry.file_size(error),
                                entry.last_write_time(error).time_since_epoch().count()));
  }
  if (error) return MakeError(ErrorCode::kIo, path, "cannot list it: {}", error.message());
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return Xxh3(std::as_bytes(std::span(text)));
}

}  // namespace ebb
