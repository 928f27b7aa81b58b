// sz3: the real SZ3 (Liang et al., 2022), built in where find_package(SZ3) found it, else as the
// HDF5 filter that HDF5_PLUGIN_PATH leads to. Its code trusts the bytes that it decodes, and not
// even its encoder stands every array: both run in a child process.
//
// Not guaranteed: tests/unit/peers/sz3_test.cc has arrays on which it breaks its bound.
#include <cstring>
#include <filesystem>

#include "base/checked.h"
#include "peers/isolated.h"
#include "peers/peers.h"
#include "peers/sz3_backend.h"

namespace ebb {
namespace {

constexpr uint64_t kMaxElements = uint64_t{1} << 31;  // dimensions and sizes are 32 bits somewhere

// Installed by the user, so that nobody needs HDF5 or SZ3 to use the rest.
constexpr char kBuildNewer[] =
    "install SZ3 3.2 or later from github.com/szcompressor/SZ3 with cmake, and build ebb again: "
    "cmake --preset release -DSZ3_ROOT=WHERE_IT_IS && make build";
constexpr char kFetchFilter[] =
    "python3 -m venv sz3 && sz3/bin/pip install hdf5plugin && export HDF5_PLUGIN_PATH=$(echo "
    "$PWD/sz3/lib/python3*/site-packages/hdf5plugin/plugins)";

const char* NameOf(Sz3Algorithm algorithm) {
  switch (algorithm) {
    case Sz3Algorithm::kInterpLorenzo:
      return "sz3:interp-lorenzo";
    case Sz3Algorithm::kLorenzoReg:
      return "sz3:lorenzo-reg";
    case Sz3Algorithm::kNoPred:
      return "sz3:nopred";
  }
  return "sz3";
}

const char* MeaningOf(Sz3Algorithm algorithm) {
  switch (algorithm) {
    case Sz3Algorithm::kInterpLorenzo:
      return "interpolation or Lorenzo prediction, its default";
    case Sz3Algorithm::kLorenzoReg:
      return "Lorenzo prediction and regression";
    case Sz3Algorithm::kNoPred:
      return "no prediction";
  }
  return "";
}

// The one SZ3 of this process; null if there is none.
const Sz3Backend* FindBackend() {
  static const std::unique_ptr<Sz3Backend> kBackend = []() -> std::unique_ptr<Sz3Backend> {
    if (auto built_in = MakeBuiltInSz3(); built_in != nullptr) return built_in;
    auto filter = LoadSz3Filter();
    return filter ? std::move(*filter) : nullptr;
  }();
  return kBackend.get();
}

// An empty folder for as long as this lives.
class ScratchFolder {
 public:
  [[nodiscard]] bool Create() {
    std::error_code error;
    std::string path = (std::filesystem::temp_directory_path(error) / "ebb-sz3-XXXXXX").string();
    if (error || mkdtemp(path.data()) == nullptr) return false;
    path_ = path;
    return true;
  }
  ScratchFolder() = default;
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

IsolationLimits LimitsFor(uint64_t elements) {
  constexpr uint64_t kBytesPerElement = 100;  // measured: about 30
  return {(uint64_t{1} << 30) + kBytesPerElement * elements,
          static_cast<unsigned>(60 + elements / 500'000)};
}

class Sz3Codec final : public Codec {
 public:
  explicit Sz3Codec(Sz3Algorithm algorithm) : algorithm_(algorithm) {
    const Sz3Backend* const backend = FindBackend();
    info_.name = NameOf(algorithm);
    info_.available = backend != nullptr && backend->Supports(algorithm);
    if (backend == nullptr) {
      info_.reason =
          algorithm == Sz3Algorithm::kNoPred
              ? fmt::format("no SZ3 found: {}", kBuildNewer)
              : fmt::format("no SZ3 found. Either: {}; or {}", kFetchFilter, kBuildNewer);
    } else if (!info_.available) {
      info_.reason = fmt::format("{} is an SZ3 before 3.2, which cannot do that: {}",
                                 backend->Describe(), kBuildNewer);
    } else {
      info_.reason = fmt::format("{}; {}", MeaningOf(algorithm), backend->Describe());
    }
  }

  const CodecInfo& info() const override { return info_; }

  Result<EncodedArray> Encode(const ArrayView& array, float bound, uint64_t) const override {
    EBB_TRY(Check(array.values.size()));
    if (bound == 0) {
      return MakeError(ErrorCode::kUnsupported, info_.name, "has no lossless mode; give a bound");
    }
    EncodedArray encoded;
    encoded.side_bytes = kShapeBytes;
    if (array.values.empty()) return encoded;
    ScratchFolder folder;
    if (FindBackend()->NeedsFolder(algorithm_) && !folder.Create()) {
      return MakeError(ErrorCode::kIo, info_.name, "cannot make a temporary folder");
    }
    // Beyond this, float32 itself would be smaller; the constant is for headers and tables.
    EBB_TRY_ASSIGN(const SharedMemory shared,
                   SharedMemory::Create(2 * array.values.size_bytes() + (1 << 20)));
    const Result<size_t> size = RunIsolated(
        shared, LimitsFor(array.values.size()), info_.name, [&](std::span<std::byte> to) {
          return FindBackend()->Encode(array, double{bound}, algorithm_, folder.path(), to);
        });
    if (!size) {
      return MakeError(ErrorCode::kUnsupported, info_.name,
                       "SZ3 cannot encode this array (its process {}). Versions before 3.2 fail on "
                       "NaN and infinities, the filters of later ones on less than 1000 values",
                       size.error().message);
    }
    encoded.stream.assign(shared.bytes().begin(),
                          shared.bytes().begin() + static_cast<ptrdiff_t>(*size));
    return encoded;
  }

  Status Decode(std::span<const std::byte> stream, uint64_t rows, uint64_t cols, float,
                float* out) const override {
    const uint64_t elements = rows * cols;
    EBB_TRY(Check(elements));
    if (elements == 0) {
      if (stream.empty()) return {};
      return MakeError(ErrorCode::kCorrupt, "stream", "has bytes left over");
    }
    EBB_TRY_ASSIGN(const SharedMemory shared, SharedMemory::Create(elements * sizeof(float)));
    EBB_TRY_ASSIGN(const size_t size,
                   RunIsolated(shared, LimitsFor(elements), info_.name,
                               [&](std::span<std::byte> to) -> std::optional<size_t> {
                                 const std::span<float> values(reinterpret_cast<float*>(to.data()),
                                                               elements);
                                 if (!FindBackend()->Decode(stream, rows, cols, values)) {
                                   return std::nullopt;
                                 }
                                 return to.size();
                               }));
    std::memcpy(out, shared.bytes().data(), size);
    return {};
  }

 private:
  static constexpr uint64_t kShapeBytes = 16;  // rows and columns; the stream has the bound

  Status Check(uint64_t elements) const {
    if (!info_.available) return MakeError(ErrorCode::kUnsupported, info_.name, "{}", info_.reason);
    if (elements < kMaxElements) return {};
    return MakeError(ErrorCode::kUnsupported, info_.name, "{} values are too many for it",
                     elements);
  }

  Sz3Algorithm algorithm_;
  CodecInfo info_;
};

}  // namespace

std::unique_ptr<Codec> MakeSz3Codec(Sz3Algorithm algorithm) {
  return std::make_unique<Sz3Codec>(algorithm);
}

}  // namespace ebb
