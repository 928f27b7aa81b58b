// Opens a model wherever it is: an .ebb file or a checkpoint folder.
#pragma once

#include <memory>
#include <string>

#include "arch/weight_source.h"
#include "engine/packed_matrices.h"
#include "packed/packed_source.h"

namespace ebb {

struct ModelFiles {
  std::unique_ptr<WeightSource> source;
  const PackedSource* packed = nullptr;      // `source`, if it is an .ebb file
  std::unique_ptr<PackedMatrices> matrices;  // of an .ebb file
};

[[nodiscard]] Result<ModelFiles> OpenModelFiles(const std::string& path);

}  // namespace ebb
