// Writes an .ebb file group by group, so that it appears whole or not at all, and so that an
// interrupted conversion goes on where it was.
//
// Data goes to PATH.partial; a journal beside it (PATH.partial.journal) records each group once its
// bytes are written. Opening the same path again with the same key takes up what the journal holds
// and the checksums confirm; any other key, or none left, starts anew. Finish() writes index and
// header, syncs, renames to PATH and removes the journal. Destruction without Finish() leaves both
// files for the next try. Not thread-safe; one writer a path (a lock on the partial file sees to
// it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "container/index.h"

namespace ebb {

class ContainerWriter {
 public:
  // `key` stands for everything that decides the file's bytes: source, options, version.
  [[nodiscard]] static Result<std::unique_ptr<ContainerWriter>> Open(const std::string& path,
                                                                     uint64_t key);
  ~ContainerWriter();
  ContainerWriter(const ContainerWriter&) = delete;
  ContainerWriter& operator=(const ContainerWriter&) = delete;

  // What an earlier, interrupted run has already written: the caller goes on after these.
  const std::vector<SideFileRecord>& side_files() const { return index_.side_files; }
  size_t groups_written() const { return index_.groups.size(); }
  const std::vector<std::vector<std::byte>>& notes() const {
    return notes_;
  }                                                       // one a written group
  const ContainerIndex& index() const { return index_; }  // of what is written so far

  [[nodiscard]] Status AddSideFile(const std::string& name, std::string_view content);

  // A group: begin, chunks in order, end. `large` says whether it will have kLargeGroupBytes or
  // more.
  [[nodiscard]] Status BeginGroup(bool large);
  [[nodiscard]] Status AppendChunk(std::span<const std::byte> bytes, uint32_t elements);
  // The note comes back from notes() when a later run takes this one up.
  [[nodiscard]] Status EndGroup(std::vector<TensorRecord> tensors,
                                std::vector<std::byte> note = {});

  // Writes the index with these attributes and codec names, and puts the file in place. Returns its
  // size.
  [[nodiscard]] Result<uint64_t> Finish(std::string attributes, std::vector<std::string> codecs);

 private:
  class Journal;

  ContainerWriter(std::string path, int descriptor);
  [[nodiscard]] Status Resume(uint64_t key);
  [[nodiscard]] Status Write(std::span<const std::byte> bytes);
  [[nodiscard]] bool Intact(uint64_t offset, uint64_t bytes, uint64_t checksum) const;
  [[nodiscard]] bool TakeRecord(std::span<const std::byte> record);

  std::string path_;
  std::string partial_path_;
  int descriptor_;
  uint64_t end_ = kDataStart;  // where the next byte goes
  ContainerIndex index_;
  std::vector<std::vector<std::byte>> notes_;
  std::unique_ptr<Journal> journal_;
  GroupEntry open_group_;
};

}  // namespace ebb
