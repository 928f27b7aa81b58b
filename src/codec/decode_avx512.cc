// The AVX-512 decoder (VBMI and VBMI2: Ice Lake, Zen 4 and later): units of layout 1 are decoded
// some at a time, each from its stream, in lockstep.
#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "base/bytes.h"
#include "codec/avx512_blocks-inl.h"
#include "codec/avx512_common-inl.h"
#include "codec/avx512_sinks-inl.h"
#include "codec/chunk_decoder.h"
#include "codec/decoders.h"

HWY_PUSH_ATTRIBUTES(
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt,avx2,fma")

namespace ebb {
namespace {

// Where one unit's integers go and where its raw bits lie.
template <typename Out>
struct UnitPlace {
  Out* out;
  const uint8_t* raw;
};

// Decodes `blocks` whole blocks of kStreams neighbouring units in lockstep.
template <int kStreams, bool kWide, bool kEscapes, typename Sink>
EBB_INLINE void DecodeLockstep(const SlotTable& slot_table, const Sink& sink, StreamState* streams,
                               const UnitPlace<typename Sink::Out>* places, uint32_t blocks,
                               int raw_bits) {
  const TableRegisters table = LoadTable(slot_table);
  const Interleave interleave = MakeInterleave();
  __m512i low[kStreams];
  __m512i high[kStreams];
  StreamState local[kStreams];  // pointers in registers; the byte arrays stay where they are
  for (int s = 0; s < kStreams; ++s) {
    low[s] = _mm512_load_si512(streams[s].low.data());
    high[s] = _mm512_load_si512(streams[s].high.data());
    local[s].bytes = streams[s].bytes;
    local[s].bytes_end = streams[s].bytes_end;
    local[s].escapes = streams[s].escapes;
    local[s].escapes_end = streams[s].escapes_end;
  }
  const size_t raw_step = static_cast<size_t>(raw_bits) * (kLanes / 8);
  for (uint32_t block = 0; block < blocks; ++block) {
    __m512i tokens[kStreams];
    DecodeBlocks<kStreams, kWide, kEscapes>(table, interleave, low, high, local, tokens);
    EBB_EACH_STREAM {
      Sink::Put(sink, tokens[s], places[s].raw + block * raw_step,
                places[s].out + size_t{block} * kLanes);
    }
  }
  for (int s = 0; s < kStreams; ++s) {
    _mm512_store_si512(streams[s].low.data(), low[s]);
    _mm512_store_si512(streams[s].high.data(), high[s]);
    streams[s].bytes = local[s].bytes;
    streams[s].escapes = local[s].escapes;
  }
}

// A table whose one token has all slots: states and streams stay as they are.
template <typename Sink>
EBB_INLINE void FillUnit(const SlotTable& table, const Sink& sink,
                         const UnitPlace<typename Sink::Out>& place, uint32_t blocks,
                         int raw_bits) {
  const __m512i tokens = _mm512_set1_epi8(table.token[0]);
  const size_t raw_step = static_cast<size_t>(raw_bits) * (kLanes / 8);
  for (uint32_t block = 0; block < blocks; ++block) {
    Sink::Put(sink, tokens, place.raw + block * raw_step, place.out + size_t{block} * kLanes);
  }
}

template <int kStreams, typename Sink>
void DecodeUnits(const SlotTable& table, const Sink& sink, StreamState* streams,
                 const UnitPlace<typename Sink::Out>* places, uint32_t blocks, int raw_bits) {
  if (table.single) {
    for (int s = 0; s < kStreams; ++s) FillUnit(table, sink, places[s], blocks, raw_bits);
  } else if (table.max_slots > 127) {
    DecodeLockstep<kStreams, true, true>(table, sink, streams, places, blocks, raw_bits);
  } else if (table.has_escape) {
    DecodeLockstep<kStreams, false, true>(table, sink, streams, places, blocks, raw_bits);
  } else {
    DecodeLockstep<kStreams, false, false>(table, sink, streams, places, blocks, raw_bits);
  }
}

template <typename Sink>
class Avx512Decoder {
 public:
  using Out = typename Sink::Out;

  // `visitor`: units go to `out` of kMaxUnitsAtOnce units, and from there to it.
  Avx512Decoder(const ChunkView& chunk, Out* out, UnitVisitor* visitor)
      : chunk_(chunk), out_(out), visitor_(visitor), sink_(Sink::Make(chunk)) {
    for (int c = 0; c < chunk.header.classes; ++c) {
      tables_[static_cast<size_t>(c)] = BuildSlotTable(chunk.tables[static_cast<size_t>(c)]);
    }
    for (size_t s = 0; s < static_cast<size_t>(chunk.stream_count()); ++s) {
      StreamState& stream = streams_[s];
      for (size_t lane = 0; lane < kLanes; ++lane) {
        const auto x = LoadLe<uint16_t>(chunk.states + (s * kLanes + lane) * 2);
        stream.low[lane] = static_cast<uint8_t>(x);
        stream.high[lane] = static_cast<uint8_t>(x >> 8);
      }
      stream.bytes = BytesOf(chunk.streams[s].bytes_begin);
      stream.bytes_end = BytesOf(chunk.streams[s].bytes_end);
      stream.escapes = BytesOf(chunk.streams[s].escapes_begin);
      stream.escapes_end = BytesOf(chunk.streams[s].escapes_end);
    }
  }

  bool Run() {
    const int streams = chunk_.stream_count();
    const int group = streams < 4 ? streams : 4;
    const uint32_t unit_blocks = chunk_.header.unit / kLanes;
    const int k = chunk_.header.raw_bits;
    UnitOrder order(chunk_);
    UnitOrder::Unit unit;
    UnitPlace<Out> places[kMaxUnitsAtOnce];
    int class_number = 0;
    int waiting = 0;       // full units gathered for a lockstep run
    int first_stream = 0;  // the stream of the first of them
    const auto finish_singly = [&] {
      for (int i = 0; i < waiting; ++i) {
        DecodeUnits<1>(tables_[static_cast<size_t>(class_number)], sink_,
                       &streams_[static_cast<size_t>(first_stream + i)], &places[i], unit_blocks,
                       k);
      }
      Visit(waiting);
    };
    while (order.Next(&unit)) {
      if (unit.elements != chunk_.header.unit) {  // the partial unit comes last
        finish_singly();
        DecodePartial(unit, static_cast<size_t>((first_stream + waiting) % streams));
        waiting = 0;
        break;
      }
      class_number = unit.class_number;
      positions_[static_cast<size_t>(waiting)] = unit.position;
      places[waiting] = PlaceOf(unit, waiting);
      if (++waiting < group) continue;
      const SlotTable& table = tables_[static_cast<size_t>(class_number)];
      StreamState* first = &streams_[static_cast<size_t>(first_stream)];
      if (group == 4) {
        DecodeUnits<4>(table, sink_, first, places, unit_blocks, k);
      } else if (group == 2) {
        DecodeUnits<2>(table, sink_, first, places, unit_blocks, k);
      } else {
        DecodeUnits<1>(table, sink_, first, places, unit_blocks, k);
      }
      Visit(waiting);
      first_stream = (first_stream + group) % streams;
      waiting = 0;
    }
    finish_singly();
    return AtEnd();
  }

 private:
  // The place of a unit that is the number-th of those that are decoded together.
  UnitPlace<Out> PlaceOf(const UnitOrder::Unit& unit, int number) const {
    const size_t first = size_t{unit.position} * chunk_.header.unit;
    const size_t to = visitor_ != nullptr ? size_t(number) * chunk_.header.unit : first;
    return {out_ + to, BytesOf(chunk_.raw) + first / 8 * chunk_.header.raw_bits};
  }

  void Visit(int units) {
    if constexpr (std::is_same_v<Out, int8_t>) {
      if (visitor_ != nullptr && units > 0) {
        visitor_->Visit(std::span(positions_).first(static_cast<size_t>(units)), out_);
      }
    }
  }

  // Whole blocks in place, the last elements by way of a buffer.
  void DecodePartial(const UnitOrder::Unit& unit, size_t stream) {
    const SlotTable& table = tables_[static_cast<size_t>(unit.class_number)];
    const int k = chunk_.header.raw_bits;
    const uint32_t blocks = unit.elements / kLanes;
    const uint32_t rest = unit.elements % kLanes;
    UnitPlace<Out> place = PlaceOf(unit, 0);
    DecodeUnits<1>(table, sink_, &streams_[stream], &place, blocks, k);
    if (rest == 0) return;
    alignas(64) std::array<Out, kLanes> last;
    Out* const end = place.out + size_t{blocks} * kLanes;
    place = {last.data(), place.raw + size_t{blocks} * (kLanes / 8) * static_cast<size_t>(k)};
    DecodeUnits<1>(table, sink_, &streams_[stream], &place, 1, k);
    std::memcpy(end, last.data(), rest * sizeof(Out));
  }

  bool AtEnd() const {
    for (size_t s = 0; s < static_cast<size_t>(chunk_.stream_count()); ++s) {
      const StreamState& stream = streams_[s];
      for (size_t lane = 0; lane < kLanes; ++lane) {
        if (stream.low[lane] != 0 || stream.high[lane] != 1) return false;
      }
      if (stream.bytes != stream.bytes_end || stream.escapes != stream.escapes_end) return false;
    }
    return true;
  }

  const ChunkView& chunk_;
  Out* out_;
  UnitVisitor* visitor_;
  std::array<uint32_t, kMaxUnitsAtOnce> positions_;
  Sink sink_;
  std::array<SlotTable, kMaxClasses> tables_;
  std::array<StreamState, kMaxStreams> streams_;
};

template <typename Sink>
bool Decode(const ChunkView& chunk, typename Sink::Out* out, UnitVisitor* visitor = nullptr) {
  return Avx512Decoder<Sink>(chunk, out, visitor).Run();
}

bool ToInt8With(const ChunkView& chunk, int8_t* out, UnitVisitor* visitor) {
  if (chunk.header.raw_bits == 0) return Decode<Int8Sink<false>>(chunk, out, visitor);
  if (chunk.header.raw_bits <= 7) return Decode<Int8Sink<true>>(chunk, out, visitor);
  return Decode<WideSink<IntegerValues<int8_t>>>(chunk, out, visitor);
}

bool ToInt8(const ChunkView& chunk, int8_t* out) {
  return chunk.is_small() ? DecodeSmallAvx512(chunk, out) : ToInt8With(chunk, out, nullptr);
}

bool UnitsToInt8(const ChunkView& chunk, int8_t* tile, UnitVisitor& visitor) {
  return !chunk.is_small() && ToInt8With(chunk, tile, &visitor);
}

bool ToInt16(const ChunkView& chunk, int16_t* out) {
  if (chunk.is_small()) return DecodeSmallAvx512(chunk, out);
  if (chunk.header.raw_bits == 0) return Decode<Int16Sink<false>>(chunk, out);
  if (chunk.header.raw_bits <= 8) return Decode<Int16Sink<true>>(chunk, out);
  return Decode<WideSink<IntegerValues<int16_t>>>(chunk, out);
}

bool ToInt32(const ChunkView& chunk, int32_t* out) {
  return chunk.is_small() ? DecodeSmallAvx512(chunk, out)
                          : Decode<WideSink<IntegerValues<int32_t>>>(chunk, out);
}

// Whether every escaped token, too, lies in -32..31. Escapes are rare: looking at all of them costs
// little.
bool TokensHaveSixBits(const ChunkView& chunk) {
  const auto end = chunk.streams.begin() + chunk.stream_count();
  return std::all_of(chunk.streams.begin(), end, [](const ChunkView::Stream& stream) {
    return std::all_of(stream.escapes_begin, stream.escapes_end, [](std::byte token) {
      const auto value = static_cast<int8_t>(token);
      return value >= -32 && value <= 31;
    });
  });
}

bool ToF32(const ChunkView& chunk, float* out) {
  return chunk.is_small() ? DecodeSmallAvx512ToF32(chunk, out)
                          : Decode<WideSink<F32Values>>(chunk, out);
}

bool ToBf16(const ChunkView& chunk, uint16_t* out) {
  if (chunk.is_small()) return DecodeSmallAvx512ToBf16(chunk, out);
  if (chunk.header.code_bytes != 1) return Decode<WideSink<Bf16Values>>(chunk, out);
  if (chunk.header.raw_bits == 0) {
    return TokensHaveSixBits(chunk) ? Decode<Bf16TokenSink>(chunk, out)
                                    : Decode<Bf16Sink<false>>(chunk, out);
  }
  return Decode<Bf16Sink<true>>(chunk, out);
}

}  // namespace

const ChunkDecoder& Avx512ChunkDecoder() {
  static constexpr ChunkDecoder kDecoder = {"avx512", ToInt8, ToInt16,    ToInt32,
                                            ToF32,    ToBf16, UnitsToInt8};
  return kDecoder;
}

}  // namespace ebb

HWY_POP_ATTRIBUTES
