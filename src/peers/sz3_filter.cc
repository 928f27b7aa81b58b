// SZ3 through its HDF5 filter, without HDF5: the plugin's one function is called as HDF5's pipeline
// would call it, with the client data that its "set local" step would have made.
//
// Two generations of the plugin differ in that data:
//   3.1 (hdf5plugin 7 and earlier): rank, type, dimensions, then the bound's mode and four bounds
//   as
//       doubles, high word first. The algorithm comes from the file sz3.config in the working
//       directory if the plugin's globals `loadConfigFile` and `freshCdValues` are set, and is the
//       default one otherwise.
//   3.2 and later: SZ3's serialized configuration, algorithm included.
// Both pass arrays of fewer than 20 values through as they are.
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/checked.h"
#include "peers/sz3_backend.h"

namespace ebb {
namespace {

constexpr int kFilterId = 32024;
constexpr unsigned kReverse = 0x100;  // H5Z_FLAG_REVERSE: decode

// HDF5's H5Z_class2_t, what a plugin says of itself.
struct FilterClass {
  int version;
  int id;
  unsigned encoder_present;
  unsigned decoder_present;
  const char* name;
  void* can_apply;
  void* set_local;
  size_t (*filter)(unsigned flags, size_t client_count, const unsigned* client_data, size_t bytes,
                   size_t* buffer_bytes, void** buffer);
};

using ClientData = std::vector<unsigned>;

void AppendDouble(ClientData& data, double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  data.push_back(static_cast<unsigned>(bits >> 32));
  data.push_back(static_cast<unsigned>(bits));
}

ClientData ClientData31(uint64_t rows, uint64_t cols, double bound) {
  constexpr unsigned kFloat = 0;
  constexpr unsigned kAbsolute = 0;
  ClientData data;
  if (rows == 1) {
    data = {1, kFloat, static_cast<unsigned>(cols >> 32), static_cast<unsigned>(cols)};
  } else {
    data = {2, kFloat, static_cast<unsigned>(rows), static_cast<unsigned>(cols)};
  }
  data.push_back(kAbsolute);
  AppendDouble(data, bound);
  for (int other_modes = 0; other_modes < 3; ++other_modes) AppendDouble(data, 0);
  return data;
}

// Dimensions of one are left out, as SZ3 does itself.
ClientData ClientData32(uint64_t rows, uint64_t cols, double bound, Sz3Algorithm algorithm) {
  std::vector<uint64_t> dimensions;
  for (const uint64_t dimension : {rows, cols}) {
    if (dimension > 1) dimensions.push_back(dimension);
  }
  if (dimensions.empty()) dimensions = {1};
  const uint64_t largest = *std::max_element(dimensions.begin(), dimensions.end());
  const auto width = static_cast<uint8_t>(std::bit_width(largest));
  std::vector<std::byte> bytes(1);  // the size of it all, below
  AppendLe(bytes, static_cast<uint8_t>(dimensions.size()));
  AppendLe(bytes, width);
  // The dimensions as one string of bits, lowest first.
  const size_t start = bytes.size();
  bytes.resize(start + (dimensions.size() * width + 7) / 8);
  for (size_t bit = 0; bit < dimensions.size() * width; ++bit) {
    const bool set = (dimensions[bit / width] >> (bit % width)) & 1;
    if (set) bytes[start + bit / 8] |= static_cast<std::byte>(1 << (bit % 8));
  }
  AppendLe(bytes, rows * cols);
  AppendLe(bytes, static_cast<uint8_t>(algorithm == Sz3Algorithm::kLorenzoReg      ? 0
                                       : algorithm == Sz3Algorithm::kInterpLorenzo ? 1
                                                                                   : 3));
  AppendLe(bytes, uint8_t{0});  // absolute bound
  AppendLe(bytes, bound);
  AppendLe(bytes, uint8_t{0xa0});   // first-order Lorenzo and regression: its defaults
  AppendLe(bytes, uint8_t{0});      // float32
  AppendLe(bytes, int32_t{65536});  // bins
  AppendLe(bytes, int32_t{dimensions.size() == 1 ? 128 : 16});
  AppendLe(bytes, static_cast<uint8_t>(dimensions.size()));
  bytes[0] = static_cast<std::byte>(bytes.size());
  bytes.resize(AlignUp(bytes.size(), sizeof(unsigned)));
  ClientData data(bytes.size() / sizeof(unsigned));
  std::memcpy(data.data(), bytes.data(), bytes.size());
  return data;
}

class Sz3Filter final : public Sz3Backend {
 public:
  // The globals are those of generation 3.1; null in later ones.
  Sz3Filter(std::string path, const FilterClass* filter, int* load_config, int* fresh_values)
      : path_(std::move(path)),
        filter_(filter),
        load_config_(load_config),
        fresh_values_(fresh_values) {}

  std::string Describe() const override {
    return fmt::format("HDF5 filter {} of {}", kFilterId, path_);
  }
  // SZ3 3.1 has no "nopred".
  bool Supports(Sz3Algorithm algorithm) const override {
    if (load_config_ == nullptr) return true;
    return algorithm == Sz3Algorithm::kInterpLorenzo ||
           (algorithm == Sz3Algorithm::kLorenzoReg && fresh_values_ != nullptr);
  }

  bool NeedsFolder(Sz3Algorithm algorithm) const override {
    return load_config_ != nullptr && algorithm == Sz3Algorithm::kLorenzoReg;
  }

  std::optional<size_t> Encode(const ArrayView& array, double bound, Sz3Algorithm algorithm,
                               const std::string& folder, std::span<std::byte> to) const override {
    if (NeedsFolder(algorithm) && !Configure(bound, folder)) return std::nullopt;
    const ClientData data = MakeClientData(array.rows, array.cols, bound, algorithm);
    const auto coded = Filter(0, data, std::as_bytes(array.values));
    if (!coded || coded->size() > to.size()) return std::nullopt;
    std::copy(coded->begin(), coded->end(), to.begin());
    return coded->size();
  }

  bool Decode(std::span<const std::byte> stream, uint64_t rows, uint64_t cols,
              std::span<float> to) const override {
    const ClientData data = MakeClientData(rows, cols, 1, Sz3Algorithm::kInterpLorenzo);
    const auto values = Filter(kReverse, data, stream);
    if (!values || values->size() != to.size_bytes()) return false;
    std::memcpy(to.data(), values->data(), values->size());
    return true;
  }

 private:
  ClientData MakeClientData(uint64_t rows, uint64_t cols, double bound,
                            Sz3Algorithm algorithm) const {
    return load_config_ != nullptr ? ClientData31(rows, cols, bound)
                                   : ClientData32(rows, cols, bound, algorithm);
  }

  // 3.1: leaves sz3.config in the folder, goes there, and has the plugin read it. This process ends
  // soon, and with it both changes.
  bool Configure(double bound, const std::string& folder) const {
    if (chdir(folder.c_str()) != 0) return false;
    std::FILE* file = std::fopen("sz3.config", "w");
    if (file == nullptr) return false;
    const std::string text = fmt::format(
        "[GlobalSettings]\nCmprAlgo = ALGO_LORENZO_REG\nErrorBoundMode = ABS\n"
        "AbsErrorBound = {}\n",
        bound);
    const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    *load_config_ = 1;
    *fresh_values_ = 1;
    return std::fclose(file) == 0 && written;
  }

  // The plugin frees what it is given and allocates what it returns; in a child that ends soon,
  // nobody frees the latter.
  std::optional<std::span<const std::byte>> Filter(unsigned flags, const ClientData& data,
                                                   std::span<const std::byte> bytes) const {
    size_t buffer_bytes = bytes.size();
    void* buffer = std::malloc(std::max<size_t>(1, bytes.size()));
    if (buffer == nullptr) return std::nullopt;
    if (!bytes.empty()) std::memcpy(buffer, bytes.data(), bytes.size());
    const size_t size =
        filter_->filter(flags, data.size(), data.data(), bytes.size(), &buffer_bytes, &buffer);
    if (size == 0 || size > buffer_bytes) return std::nullopt;
    return std::span(static_cast<const std::byte*>(buffer), size);
  }

  std::string path_;
  const FilterClass* filter_;
  int* load_config_;
  int* fresh_values_;
};

// The plugin in a shared library, if it is one of filter 32024. A library stays loaded for good.
std::unique_ptr<Sz3Backend> LoadPlugin(const std::string& path) {
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  using GetInfo = const void* (*)();
  const auto get_info = reinterpret_cast<GetInfo>(dlsym(library, "H5PLget_plugin_info"));
  const auto* const filter =
      get_info == nullptr ? nullptr : static_cast<const FilterClass*>(get_info());
  if (filter == nullptr || filter->id != kFilterId || filter->filter == nullptr) return nullptr;
  return std::make_unique<Sz3Filter>(path, filter,
                                     static_cast<int*>(dlsym(library, "loadConfigFile")),
                                     static_cast<int*>(dlsym(library, "freshCdValues")));
}

}  // namespace

Result<std::unique_ptr<Sz3Backend>> LoadSz3Filter() {
  const char* const variable = std::getenv("HDF5_PLUGIN_PATH");
  std::string_view folders = variable == nullptr ? "" : variable;
  while (!folders.empty()) {
    const std::string folder(folders.substr(0, folders.find(':')));
    folders.remove_prefix(std::min(folders.size(), folder.size() + 1));
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      const std::string name = entry.path().filename().string();
      // Loading every plugin of the folder to ask for its number would run all their constructors.
      if (name.find("sz3") == std::string::npos || name.find(".so") == std::string::npos) continue;
      if (auto filter = LoadPlugin(entry.path().string()); filter != nullptr) return filter;
    }
  }
  return MakeError(ErrorCode::kNotFound, "HDF5_PLUGIN_PATH", "has no HDF5 filter 32024");
}

}  // namespace ebb
