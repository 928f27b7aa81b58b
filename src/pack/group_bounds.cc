// GroupEncoder's look at all weights of a group: which absolute bound follows for each scope.
#include <algorithm>

#include "pack/group_encoder.h"
#include "pack/like_bound.h"

namespace ebb {
namespace {

constexpr uint64_t kTileWeights = 8 * 1024;

}  // namespace

Status GroupEncoder::VisitTilesOf(const PieceWeights& weights, std::vector<float>* values,
                                  const TileVisitor& visit) const {
  for (size_t c = weights.piece.first_chunk; c < weights.piece.last_chunk; ++c) {
    const ChunkSpan& chunk = chunks_[c];
    const DType dtype = dtypes_[chunk.tensor];
    const uint64_t cols = tensors_[chunk.tensor].cols();
    uint64_t each = kTileWeights;
    if (scope_ == BoundScope::kRow) each = std::max<uint64_t>(1, kTileWeights / cols) * cols;
    if (chunk.whole_group) each = chunk.elements;
    const std::span<const std::byte> words = weights.chunks[c - weights.piece.first_chunk];
    for (uint64_t first = 0; first < chunk.elements; first += each) {
      const uint64_t count = std::min(each, chunk.elements - first);
      const auto tile_words = words.subspan(first * DTypeBytes(dtype), count * DTypeBytes(dtype));
      values->resize(count);
      WidenToF32(dtype, tile_words.data(), count, values->data());
      EBB_TRY(visit({c, first, tile_words, *values}));
    }
  }
  return {};
}

Status GroupEncoder::VisitTiles(EncodeScratch* scratch, const PieceWeights* all,
                                const TileVisitor& visit) const {
  std::vector<float> values;
  if (all != nullptr) return VisitTilesOf(*all, &values, visit);
  for (size_t c = 0; c < chunks_.size(); ++c) {
    EBB_TRY_ASSIGN(const PieceWeights weights, Read({c, c + 1}, scratch));
    EBB_TRY(VisitTilesOf(weights, &values, visit));
  }
  return {};
}

Status GroupEncoder::FindBounds(EncodeScratch* scratch, const PieceWeights* all) {
  if (bound_.kind != BoundKind::kLike) {
    EBB_TRY(FindMeans(scratch, all));
  } else if (scope_ == BoundScope::kRow) {
    EBB_TRY(FindLikeBoundsOfRows(scratch, all));
  } else {
    EBB_TRY(FindLikeBounds(scratch, all));
  }
  uses_peer_ = peer_ != nullptr && std::find(bounds_.begin(), bounds_.end(), 0.0f) == bounds_.end();
  return {};
}

Status GroupEncoder::FindMeans(EncodeScratch* scratch, const PieceWeights* all) {
  std::vector<MagnitudeSum> sums(scopes_);
  if (scope_ != BoundScope::kRow) chunk_sums_.resize(chunks_.size());
  MagnitudeParts parts;  // of the chunk that the tiles are of
  EBB_TRY(VisitTiles(scratch, all, [&](const Tile& tile) -> Status {
    const ChunkSpan& chunk = chunks_[tile.chunk];
    const size_t scope = first_scope_[chunk.tensor];
    if (scope_ != BoundScope::kRow) {
      if (tile.first == 0) parts = {};
      parts.Add(tile.values);
      if (tile.first + tile.values.size() < chunk.elements) return {};
      sums[scope].Add(parts);
      chunk_sums_[tile.chunk].Add(parts);
      return {};
    }
    const uint64_t cols = tensors_[chunk.tensor].cols();
    size_t row = scope + chunk.first_row + tile.first / cols;
    for (uint64_t first = 0; first < tile.values.size(); first += cols) {
      sums[row++].Add(tile.values.subspan(first, cols));
    }
    return {};
  }));
  for (const MagnitudeSum& sum : sums) bounds_.push_back(AbsoluteBound(bound_, sum.Mean()));
  return {};
}

Status GroupEncoder::FindLikeBounds(EncodeScratch* scratch, const PieceWeights* all) {
  std::vector<LikeBoundFinder> finders(scopes_, LikeBoundFinder(CodecToBeLike(bound_)));
  EBB_TRY(VisitTiles(scratch, all, [&](Tile tile) -> Status {
    const ChunkSpan& chunk = chunks_[tile.chunk];
    LikeBoundFinder& finder = finders[first_scope_[chunk.tensor]];
    if (!chunk.whole_group) {
      EBB_TRY(finder.Add(dtypes_[chunk.tensor], tile.words, tile.values));
      const TensorSpec& tensor = tensors_[chunk.tensor];
      const uint64_t end = chunk.first_row * tensor.cols() + tile.first + tile.values.size();
      return end == tensor.elements() ? finder.EndMatrix() : Status();
    }
    for (size_t t = 0; t < tensors_.size(); ++t) {
      const uint64_t elements = tensors_[t].elements();
      const uint64_t bytes = elements * DTypeBytes(dtypes_[t]);
      EBB_TRY(finder.Add(dtypes_[t], tile.words.first(bytes), tile.values.first(elements)));
      EBB_TRY(finder.EndMatrix());
      tile.words = tile.words.subspan(bytes);
      tile.values = tile.values.subspan(elements);
    }
    return {};
  }));
  QuantizerError error;
  for (size_t scope = 0; scope < scopes_; ++scope) {
    EBB_TRY_ASSIGN(const float bound, finders[scope].Find([&](float tried) -> Result<double> {
      double sum = 0;
      EBB_TRY(VisitTiles(scratch, all, [&](const Tile& tile) -> Status {
        if (first_scope_[chunks_[tile.chunk].tensor] == scope) sum += error.At(tried, tile.values);
        return {};
      }));
      return sum;
    }));
    bounds_.push_back(bound);
  }
  return {};
}

Status GroupEncoder::FindLikeBoundsOfRows(EncodeScratch* scratch, const PieceWeights* all) {
  const Codec& codec = CodecToBeLike(bound_);
  QuantizerError error;
  return VisitTiles(scratch, all, [&](const Tile& tile) -> Status {
    const uint64_t cols = tensors_[chunks_[tile.chunk].tensor].cols();
    for (uint64_t first = 0; first < tile.values.size(); first += cols) {
      const auto row = tile.values.subspan(first, cols);
      LikeBoundFinder finder(codec);
      EBB_TRY(finder.Add(DType::kF32, std::as_bytes(row), row));
      EBB_TRY(finder.EndMatrix());
      EBB_TRY_ASSIGN(const float bound,
                     finder.Find([&](float tried) { return error.At(tried, row); }));
      bounds_.push_back(bound);
    }
    return {};
  });
}

}  // namespace ebb
