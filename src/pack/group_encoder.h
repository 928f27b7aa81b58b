// One group of tensors to chunks: read, find the bound, quantize, code, and check by decoding.
#pragma once

#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "arch/weight_source.h"
#include "base/bytes.h"
#include "codec/bound.h"
#include "codec/codec.h"
#include "codec/statistics.h"
#include "codec/weights_codec.h"

namespace ebb {

// What encoding did to a run of weights. Sums add up over runs.
struct EncodeStatistics {
  uint64_t weights = 0;
  uint64_t finite = 0;
  double magnitude_sum = 0;  // of |w| over finite weights
  double squared_error = 0;  // sum over finite weights
  double max_error_over_bound = 0;
  double entropy_bits = 0;       // of the codes, scope by scope, times the weights of the scope
  uint64_t entropy_weights = 0;  // weights that have codes; lossless ones have no entropy

  void Add(const EncodeStatistics& other);
};

// A chunk of a group (docs/format.md, 1.2): whole rows of one tensor, or the whole of a small
// expert.
struct ChunkSpan {
  uint64_t first_element = 0;  // in the group
  uint64_t elements = 0;
  size_t tensor = 0;  // the (first) tensor of the group that it covers
  uint64_t first_row = 0;
  bool whole_group = false;
};

// Cuts a group into chunks. `joined`: a small group may be one chunk over all its tensors.
[[nodiscard]] std::vector<ChunkSpan> PlanChunks(std::span<const TensorSpec> tensors, bool joined,
                                                CodecSetting setting);

// Chunks [first_chunk, last_chunk) of a group: what is read, encoded and written at a time.
struct Piece {
  size_t first_chunk = 0;
  size_t last_chunk = 0;
};

// Cuts chunks into pieces of at most about 16 M weights.
[[nodiscard]] std::vector<Piece> PlanPieces(std::span<const ChunkSpan> chunks);

struct EncodedPiece {
  struct Chunk {
    uint32_t bytes = 0;
    uint32_t elements = 0;
    uint8_t code_bytes = 4;  // as TensorRecord's
  };
  std::vector<std::byte> bytes;  // of all chunks
  std::vector<Chunk> chunks;
  bool raw = false;                       // codec `raw`: the words as they are
  EncodeStatistics statistics;            // entropy only where a scope lies within the piece (rows)
  std::vector<CodeHistogram> histograms;  // of each scope beyond rows: the expert, or its tensors
};

// What encoding a piece needs for a while, to be used again: new memory costs more than much of the
// work on it. Some tens of megabytes.
struct EncodeScratch {
  explicit EncodeScratch(CodecSetting setting) : encoder(setting) {}

  WeightsEncoder encoder;
  ScratchArray<std::byte> words;  // of a piece
  ScratchArray<float> values;     // of a chunk
  ScratchArray<float> decoded;
  ScratchArray<std::byte> decoded_words;
  std::vector<std::byte> out;  // becomes EncodedPiece::bytes; give it back afterwards
};

// Encodes the pieces of one group, from several threads at once.
class GroupEncoder {
 public:
  // `tensors` are one group of `source`; both outlive the encoder. kLossless: words are coded.
  // kLike: each scope gets the absolute bound that follows from its weights.
  // `peer` is another codec for bounded weights, or null for Ebb's own; it knows no bound a row.
  [[nodiscard]] static Result<std::unique_ptr<GroupEncoder>> Create(
      const WeightSource& source, std::span<const TensorSpec> tensors, const ErrorBound& bound,
      BoundScope scope, CodecSetting setting = CodecSetting::kFast, const Codec* peer = nullptr);

  const std::vector<ChunkSpan>& chunks() const { return chunks_; }
  const std::vector<Piece>& pieces() const { return pieces_; }
  DType dtype_of(size_t tensor) const { return dtypes_[tensor]; }
  // `scratch` is the caller's own, of the same setting.
  [[nodiscard]] Result<EncodedPiece> Encode(const Piece& piece, EncodeScratch* scratch);

  // The largest absolute bound of a tensor's scopes; known once a piece was encoded.
  float LargestBound(size_t tensor) const;

  // The bound that a tensor's record names: a reader need not know kLike, which is stored as the
  // absolute bound that it led to. Known once a piece was encoded.
  ErrorBound StoredBound(size_t tensor) const;

  // Whether the peer codes the group; known once a piece was encoded. It does not where a bound is
  // 0, which asks for lossless coding.
  bool uses_peer() const { return uses_peer_; }

 private:
  // The words of a piece's chunks, one after the other.
  struct PieceWeights {
    Piece piece;
    std::span<const std::byte> words;
    std::vector<std::span<const std::byte>> chunks;
  };

  GroupEncoder(const WeightSource& source, std::span<const TensorSpec> tensors,
               const ErrorBound& bound, BoundScope scope, CodecSetting setting, const Codec* peer)
      : source_(source),
        tensors_(tensors),
        bound_(bound),
        scope_(scope),
        setting_(setting),
        peer_(peer) {}

  [[nodiscard]] Result<PieceWeights> Read(const Piece& piece, EncodeScratch* scratch) const;
  [[nodiscard]] Status FindBounds(EncodeScratch* scratch, const PieceWeights* all);
  [[nodiscard]] Status FindMeans(EncodeScratch* scratch, const PieceWeights* all);
  [[nodiscard]] Status FindLikeBounds(EncodeScratch* scratch, const PieceWeights* all);
  [[nodiscard]] Status FindLikeBoundsOfRows(EncodeScratch* scratch, const PieceWeights* all);

  // Some neighbouring weights of a chunk, few enough for the cache: whole rows where rows are the
  // scopes, a multiple of 64 weights otherwise but for the last.
  struct Tile {
    size_t chunk = 0;
    uint64_t first = 0;  // in the chunk
    std::span<const std::byte> words;
    std::span<const float> values;
  };
  // Calls visit with all tiles of the group in order. `all`: the whole group if it was read
  // already, or null to read it chunk by chunk into `scratch`.
  using TileVisitor = std::function<Status(const Tile&)>;
  [[nodiscard]] Status VisitTiles(EncodeScratch* scratch, const PieceWeights* all,
                                  const TileVisitor& visit) const;
  [[nodiscard]] Status VisitTilesOf(const PieceWeights& weights, std::vector<float>* values,
                                    const TileVisitor& visit) const;

  [[nodiscard]] Status EncodeChunk(size_t chunk, std::span<const std::byte> words,
                                   EncodeScratch* scratch, EncodedPiece* out) const;
  void EncodeOwnChunk(const ChunkSpan& chunk, std::span<const std::byte> words,
                      std::span<const float> values, EncodeScratch* scratch,
                      EncodeStatistics* statistics, EncodedPiece* out) const;
  [[nodiscard]] Status EncodePeerChunk(const ChunkSpan& chunk, std::span<const float> values,
                                       EncodeStatistics* statistics, EncodedPiece* out) const;
  [[nodiscard]] Status StoreRawIfSmaller(const Piece& piece, EncodeScratch* scratch,
                                         EncodedPiece* out) const;
  [[nodiscard]] BoundRuns BoundsOf(const ChunkSpan& chunk) const;
  // Decodes a chunk again, as it lies at the end of `bytes`: `values` were its weights, or `words`
  // if it is lossless.
  [[nodiscard]] Status Check(const ChunkSpan& chunk, std::span<const std::byte> words,
                             std::span<const float> values, std::span<const std::byte> encoded,
                             EncodeScratch* scratch) const;
  void Count(const ChunkSpan& chunk, std::span<const int32_t> codes, EncodedPiece* out) const;
  bool lossless() const { return bound_.kind == BoundKind::kLossless && !uses_peer_; }

  const WeightSource& source_;
  std::span<const TensorSpec> tensors_;
  ErrorBound bound_;
  BoundScope scope_;
  CodecSetting setting_;
  const Codec* peer_;
  bool uses_peer_ = false;
  std::vector<DType> dtypes_;
  std::vector<ChunkSpan> chunks_;
  std::vector<Piece> pieces_;

  std::once_flag bounds_once_;
  Status bounds_status_;
  size_t scopes_ = 0;                     // the group, its tensors, or all their rows
  std::vector<float> bounds_;             // of each scope
  std::vector<size_t> first_scope_;       // of each tensor
  std::vector<MagnitudeSum> chunk_sums_;  // of each chunk, where FindMeans came by them
};

}  // namespace ebb
