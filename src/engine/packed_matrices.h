// The bounded matrices of an .ebb file that are not routed experts: encoded, as the file has them,
// where kernels multiply that; otherwise as codes of 8 or 16 bits.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "model/matrix_forms.h"
#include "packed/packed_source.h"

namespace ebb {

class PackedMatrices final : public MatrixForms {
 public:
  // Reads the headers of the matrices' chunks. `packed` must outlive the result.
  [[nodiscard]] static Result<std::unique_ptr<PackedMatrices>> Open(const PackedSource& packed);

  std::optional<uint64_t> BytesOf(const TensorSpec& tensor, MatrixForm form) const override;
  // Decodes encoded matrices once, so that kernels find no damage later.
  Result<OwnedMatrix> Read(const TensorSpec& tensor, MatrixForm form) const override;

 private:
  struct Stored {
    size_t group = 0;
    bool is_encoded = false;  // kernels multiply it as it is
    uint64_t exceptions = 0;
  };

  explicit PackedMatrices(const PackedSource& packed) : packed_(packed) {}
  // What the tensor of a group can be, from the headers of its chunks; nothing: float32.
  [[nodiscard]] Result<std::optional<Stored>> StoredOf(size_t group) const;
  [[nodiscard]] Result<OwnedMatrix> ReadEncoded(const TensorSpec& tensor,
                                                const Stored& stored) const;
  [[nodiscard]] Result<OwnedMatrix> ReadCodes(const TensorSpec& tensor, const Stored& stored) const;

  const PackedSource& packed_;
  std::unordered_map<std::string, Stored> stored_;
};

}  // namespace ebb
