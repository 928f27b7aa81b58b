#include "pack/group_encoder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/checked.h"
#include "codec/quantizer.h"
#include "packed/chunk_values.h"

namespace ebb {
namespace {

constexpr uint64_t kEmbeddingChunkWeights =
    32 * 1024;  // single rows are read: little is decoded for one
constexpr uint64_t kJoinedGroupWeights = 128 * 1024;
constexpr uint64_t kPieceWeights = 16 * 1024 * 1024;
// Bounded chunks that save less than this on their source are tried losslessly too.
constexpr double kTryLosslessAbove = 0.6;

}  // namespace

void EncodeStatistics::Add(const EncodeStatistics& other) {
  weights += other.weights;
  finite += other.finite;
  magnitude_sum += other.magnitude_sum;
  squared_error += other.squared_error;
  max_error_over_bound = std::max(max_error_over_bound, other.max_error_over_bound);
  entropy_bits += other.entropy_bits;
  entropy_weights += other.entropy_weights;
}

std::vector<ChunkSpan> PlanChunks(std::span<const TensorSpec> tensors, bool joined,
                                  CodecSetting setting) {
  uint64_t group_elements = 0;
  for (const TensorSpec& tensor : tensors) group_elements += tensor.elements();
  if (joined && group_elements <= kJoinedGroupWeights) {
    return {{0, group_elements, 0, 0, true}};
  }
  std::vector<ChunkSpan> chunks;
  uint64_t first_element = 0;
  for (size_t t = 0; t < tensors.size(); ++t) {
    const TensorSpec& tensor = tensors[t];
    const uint64_t wanted =
        tensor.role == TensorRole::kEmbedding ? kEmbeddingChunkWeights : ChunkWeights(setting);
    // As few chunks as keep to the wanted size, all of about the same number of rows.
    const uint64_t count = DivideRoundingUp(tensor.elements(), wanted);
    const uint64_t rows_each = std::max<uint64_t>(1, DivideRoundingUp(tensor.rows(), count));
    for (uint64_t row = 0; row < tensor.rows(); row += rows_each) {
      const uint64_t rows = std::min(rows_each, tensor.rows() - row);
      chunks.push_back({first_element, rows * tensor.cols(), t, row, false});
      first_element += rows * tensor.cols();
    }
  }
  return chunks;
}

std::vector<Piece> PlanPieces(std::span<const ChunkSpan> chunks) {
  std::vector<Piece> pieces;
  uint64_t weights = 0;
  for (size_t c = 0; c < chunks.size(); ++c) {
    if (pieces.empty() || weights + chunks[c].elements > kPieceWeights) {
      pieces.push_back({c, c});
      weights = 0;
    }
    pieces.back().last_chunk = c + 1;
    weights += chunks[c].elements;
  }
  return pieces;
}

Result<std::unique_ptr<GroupEncoder>> GroupEncoder::Create(const WeightSource& source,
                                                           std::span<const TensorSpec> tensors,
                                                           const ErrorBound& bound,
                                                           BoundScope scope, CodecSetting setting,
                                                           const Codec* peer) {
  EBB_CHECK(peer == nullptr || scope != BoundScope::kRow);
  std::unique_ptr<GroupEncoder> encoder(
      new GroupEncoder(source, tensors, bound, scope, setting, peer));
  bool joined = scope == BoundScope::kExpert && peer == nullptr;
  size_t scopes = 0;
  for (const TensorSpec& tensor : tensors) {
    EBB_TRY_ASSIGN(const DType dtype, source.DTypeOf(tensor));
    encoder->dtypes_.push_back(dtype);
    joined = joined && dtype == encoder->dtypes_[0];
    encoder->first_scope_.push_back(scope == BoundScope::kExpert ? 0 : scopes);
    scopes += scope == BoundScope::kRow ? tensor.rows() : 1;
  }
  encoder->scopes_ = scope == BoundScope::kExpert ? 1 : scopes;
  encoder->chunks_ = PlanChunks(tensors, joined, setting);
  encoder->pieces_ = PlanPieces(encoder->chunks_);
  return encoder;
}

Result<GroupEncoder::PieceWeights> GroupEncoder::Read(const Piece& piece,
                                                      EncodeScratch* scratch) const {
  PieceWeights weights{piece, {}, {}};
  const auto bytes_of = [&](const ChunkSpan& chunk) {
    return chunk.elements * DTypeBytes(dtypes_[chunk.tensor]);
  };
  uint64_t total = 0;
  for (size_t c = piece.first_chunk; c < piece.last_chunk; ++c) total += bytes_of(chunks_[c]);
  std::span<std::byte> rest = scratch->words.Take(total);
  weights.words = rest;
  for (size_t c = piece.first_chunk; c < piece.last_chunk; ++c) {
    const ChunkSpan& chunk = chunks_[c];
    const std::span<std::byte> to = rest.first(bytes_of(chunk));
    rest = rest.subspan(to.size());
    weights.chunks.push_back(to);
    if (!chunk.whole_group) {
      const TensorSpec& tensor = tensors_[chunk.tensor];
      EBB_TRY(source_.ReadRows(tensor, chunk.first_row, chunk.elements / tensor.cols(), to));
      continue;
    }
    size_t at = 0;
    for (const TensorSpec& tensor : tensors_) {
      const size_t size = tensor.elements() * DTypeBytes(dtypes_[0]);
      EBB_TRY(source_.ReadRows(tensor, 0, tensor.rows(), to.subspan(at, size)));
      at += size;
    }
  }
  return weights;
}

float GroupEncoder::LargestBound(size_t tensor) const {
  if (bounds_.empty()) return 0;
  const size_t first = first_scope_[tensor];
  const size_t count = scope_ == BoundScope::kRow ? tensors_[tensor].rows() : 1;
  return *std::max_element(bounds_.begin() + static_cast<ptrdiff_t>(first),
                           bounds_.begin() + static_cast<ptrdiff_t>(first + count));
}

ErrorBound GroupEncoder::StoredBound(size_t tensor) const {
  if (bound_.kind != BoundKind::kLike) return bound_;
  return ErrorBound::Absolute(static_cast<double>(LargestBound(tensor)));
}

BoundRuns GroupEncoder::BoundsOf(const ChunkSpan& chunk) const {
  const std::span<const float> all = bounds_;
  const size_t first = first_scope_[chunk.tensor];
  if (scope_ != BoundScope::kRow) return {all.subspan(first, 1), 0};
  const uint64_t cols = tensors_[chunk.tensor].cols();
  return {all.subspan(first + chunk.first_row, chunk.elements / cols), static_cast<uint32_t>(cols)};
}

Result<EncodedPiece> GroupEncoder::Encode(const Piece& piece, EncodeScratch* scratch) {
  const bool whole = piece.first_chunk == 0 && piece.last_chunk == chunks_.size();
  const bool bounded = bound_.kind != BoundKind::kLossless;
  const auto find_bounds = [&](const PieceWeights* all) {
    std::call_once(bounds_once_, [&] { bounds_status_ = FindBounds(scratch, all); });
    return bounds_status_;
  };
  EncodedPiece out;
  out.bytes = std::move(scratch->out);
  out.bytes.clear();
  if (bounded && scope_ != BoundScope::kRow) {
    out.histograms.resize(scope_ == BoundScope::kExpert ? 1 : tensors_.size());
  }
  if (bounded && whole) {
    EBB_TRY_ASSIGN(const PieceWeights weights, Read(piece, scratch));
    EBB_TRY(find_bounds(&weights));
    for (size_t c = piece.first_chunk; c < piece.last_chunk; ++c) {
      EBB_TRY(EncodeChunk(c, weights.chunks[c], scratch, &out));
    }
    return out;
  }
  if (bounded) EBB_TRY(find_bounds(nullptr));
  // One chunk at a time stays in the cache.
  for (size_t c = piece.first_chunk; c < piece.last_chunk; ++c) {
    EBB_TRY_ASSIGN(const PieceWeights weights, Read({c, c + 1}, scratch));
    EBB_TRY(EncodeChunk(c, weights.chunks[0], scratch, &out));
  }
  if (lossless() && pieces_.size() == 1) EBB_TRY(StoreRawIfSmaller(piece, scratch, &out));
  return out;
}

// Lossless coding of a few weights costs more in tables and states than it saves.
Status GroupEncoder::StoreRawIfSmaller(const Piece& piece, EncodeScratch* scratch,
                                       EncodedPiece* out) const {
  uint64_t raw_bytes = 0;
  for (size_t t = 0; t < tensors_.size(); ++t) {
    raw_bytes += tensors_[t].elements() * DTypeBytes(dtypes_[t]);
  }
  if (out->bytes.size() < raw_bytes) return {};
  EBB_TRY_ASSIGN(const PieceWeights weights, Read(piece, scratch));
  out->raw = true;
  out->bytes.assign(weights.words.begin(), weights.words.end());
  for (size_t c = 0; c < out->chunks.size(); ++c) {
    out->chunks[c].bytes = static_cast<uint32_t>(weights.chunks[c].size());
    out->chunks[c].code_bytes = 4;
  }
  return {};
}

Status GroupEncoder::EncodeChunk(size_t chunk_number, std::span<const std::byte> words,
                                 EncodeScratch* scratch, EncodedPiece* out) const {
  const ChunkSpan& chunk = chunks_[chunk_number];
  const DType dtype = dtypes_[chunk.tensor];
  EncodeStatistics statistics;
  statistics.weights = chunk.elements;
  std::span<float> values;
  // Nobody asks for the magnitudes of dense tensors, and coding words needs no float32.
  if (!lossless() || IsRoutedExpert(tensors_[chunk.tensor].role)) {
    values = scratch->values.Take(chunk.elements);
    WidenToF32(dtype, words.data(), chunk.elements, values.data());
    MagnitudeSum sum;
    if (chunk_sums_.empty()) {
      sum.Add(values);
    } else {
      sum = chunk_sums_[chunk_number];
    }
    statistics.magnitude_sum = sum.sum;
    statistics.finite = sum.count;
  }
  if (uses_peer_) {
    EBB_TRY(EncodePeerChunk(chunk, values, &statistics, out));
    out->statistics.Add(statistics);
    return {};
  }
  const size_t start = out->bytes.size();
  EncodeOwnChunk(chunk, words, values, scratch, &statistics, out);
  const auto bytes = static_cast<uint32_t>(out->bytes.size() - start);
  // A chunk that ParseChunk accepts: Check sees to that.
  ChunkHeader header;
  std::memcpy(&header, out->bytes.data() + start, sizeof(header));
  const bool is_codes = header.map == ValueMap::kCodes && header.step_period_or_shift == 0;
  out->chunks.push_back(
      {bytes, static_cast<uint32_t>(chunk.elements), is_codes ? header.code_bytes : uint8_t{4}});
  out->statistics.Add(statistics);
  // Decoders may look past the chunk's end.
  out->bytes.resize(out->bytes.size() + kChunkSlackBytes);
  const Status checked =
      Check(chunk, words, values, std::span(out->bytes).subspan(start, bytes), scratch);
  out->bytes.resize(start + bytes);
  return checked;
}

void GroupEncoder::EncodeOwnChunk(const ChunkSpan& chunk, std::span<const std::byte> words,
                                  std::span<const float> values, EncodeScratch* scratch,
                                  EncodeStatistics* statistics, EncodedPiece* out) const {
  const WordBits width = dtypes_[chunk.tensor] == DType::kF32 ? WordBits::k32 : WordBits::k16;
  const auto row =
      static_cast<uint32_t>(std::min<uint64_t>(tensors_[chunk.tensor].cols(), UINT32_MAX));
  WeightsEncoder& encoder = scratch->encoder;
  if (lossless()) return encoder.EncodeWords(words, width, row, &out->bytes);
  const size_t start = out->bytes.size();
  const EncodeReport report = encoder.EncodeBounded(values, BoundsOf(chunk), row, &out->bytes);
  statistics->max_error_over_bound = report.max_error_over_bound;
  statistics->squared_error = report.squared_error;
  Count(chunk, encoder.codes(), out);
  const size_t size = out->bytes.size() - start;
  if (static_cast<double>(size) <= kTryLosslessAbove * static_cast<double>(words.size())) return;
  std::vector<std::byte> exact;
  encoder.EncodeWords(words, width, row, &exact);
  if (exact.size() >= size) return;
  out->bytes.resize(start);
  out->bytes.insert(out->bytes.end(), exact.begin(), exact.end());
  statistics->max_error_over_bound = 0;
  statistics->squared_error = 0;
}

// Another codec's bytes are decoded at once, like all others: what it promises is held, what it
// does not is measured.
Status GroupEncoder::EncodePeerChunk(const ChunkSpan& chunk, std::span<const float> values,
                                     EncodeStatistics* statistics, EncodedPiece* out) const {
  const std::string& name = tensors_[chunk.tensor].name;
  const float bound = BoundsOf(chunk).bounds[0];
  const uint64_t cols = tensors_[chunk.tensor].cols();
  if (cols > UINT32_MAX) {
    return MakeError(ErrorCode::kUnsupported, name, "rows of {} weights are too long", cols);
  }
  const uint64_t rows = values.size() / cols;
  auto encoded = peer_->Encode({values, rows, cols}, bound, 0);
  if (!encoded) return tl::unexpected(std::move(encoded).error().In(name));
  std::vector<float> decoded(values.size());
  if (Status status = peer_->Decode(encoded->stream, rows, cols, bound, decoded.data()); !status) {
    return tl::unexpected(std::move(status).error().In(name));
  }
  bool kept = true;
  for (size_t i = 0; i < values.size(); ++i) {
    const bool same = std::bit_cast<uint32_t>(values[i]) == std::bit_cast<uint32_t>(decoded[i]);
    const double error = same ? 0 : std::abs(double{decoded[i]} - double{values[i]});
    if (std::isfinite(values[i])) {
      statistics->max_error_over_bound = std::max(
          statistics->max_error_over_bound, std::isnan(error) ? INFINITY : error / double{bound});
      statistics->squared_error += error * error;
    }
    kept &= same || error <= double{bound};
  }
  if (peer_->info().guaranteed && !kept) {
    return MakeError(ErrorCode::kCorrupt, name, "{} broke its promise; this is a bug of ebb",
                     peer_->info().name);
  }
  const PeerChunkHeader header = {bound, static_cast<uint32_t>(cols)};
  const auto head = std::as_bytes(std::span(&header, 1));
  out->bytes.insert(out->bytes.end(), head.begin(), head.end());
  out->bytes.insert(out->bytes.end(), encoded->stream.begin(), encoded->stream.end());
  out->chunks.push_back({static_cast<uint32_t>(sizeof(header) + encoded->stream.size()),
                         static_cast<uint32_t>(chunk.elements), 4});
  return {};
}

void GroupEncoder::Count(const ChunkSpan& chunk, std::span<const int32_t> codes,
                         EncodedPiece* out) const {
  if (scope_ != BoundScope::kRow) {
    out->histograms[scope_ == BoundScope::kExpert ? 0 : chunk.tensor].Add(codes);
    return;
  }
  const size_t cols = tensors_[chunk.tensor].cols();
  for (size_t first = 0; first < codes.size(); first += cols) {
    CodeHistogram histogram;
    histogram.Add(codes.subspan(first, cols));
    out->statistics.entropy_bits += histogram.EntropyBits() * static_cast<double>(cols);
    out->statistics.entropy_weights += cols;
  }
}

Status GroupEncoder::Check(const ChunkSpan& chunk, std::span<const std::byte> words,
                           std::span<const float> values, std::span<const std::byte> encoded,
                           EncodeScratch* scratch) const {
  const DType dtype = dtypes_[chunk.tensor];
  const auto failed = [&] {
    return MakeError(ErrorCode::kCorrupt, tensors_[chunk.tensor].name,
                     "encoding it failed its own check; this is a bug of ebb, or the memory of "
                     "this machine is faulty");
  };
  if (lossless()) {
    const std::span<std::byte> decoded = scratch->decoded_words.Take(words.size());
    EBB_TRY(DecodeChunkToWords(kCodecEbbFast, dtype, encoded, chunk.elements, decoded.data()));
    if (std::memcmp(words.data(), decoded.data(), words.size()) != 0) return failed();
    return {};
  }
  const std::span<float> decoded = scratch->decoded.Take(chunk.elements);
  EBB_TRY(DecodeChunkToF32(kCodecEbbFast, dtype, encoded, chunk.elements, decoded.data()));
  const BoundRuns runs = BoundsOf(chunk);
  const uint64_t period = runs.period == 0 ? chunk.elements : runs.period;
  bool good = true;
  for (uint64_t first = 0, run = 0; first < chunk.elements; first += period, ++run) {
    const uint64_t count = std::min(period, chunk.elements - first);
    good &=
        KeepsBound(values.subspan(first, count), decoded.subspan(first, count), runs.bounds[run]);
  }
  if (!good) return failed();
  return {};
}

}  // namespace ebb
