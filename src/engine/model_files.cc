#include "engine/model_files.h"

#include "base/file.h"
#include "checkpoint/checkpoint.h"

namespace ebb {

Result<ModelFiles> OpenModelFiles(const std::string& path) {
  ModelFiles files;
  if (IsDirectory(path)) {
    EBB_TRY_ASSIGN(files.source, OpenCheckpoint(path));
    return files;
  }
  EBB_TRY_ASSIGN(std::unique_ptr<PackedSource> packed, PackedSource::Open(path));
  EBB_TRY_ASSIGN(files.matrices, PackedMatrices::Open(*packed));
  files.packed = packed.get();
  files.source = std::move(packed);
  return files;
}

}  // namespace ebb
