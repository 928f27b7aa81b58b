#include "container/writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/file.h"
#include "base/hash.h"

namespace ebb {
namespace {

constexpr uint64_t kJournalMagic = 0x314c4e524a424245;  // "EBBJRNL1"
constexpr uint64_t kMaxJournalBytes = uint64_t{1} << 30;
enum RecordType : uint8_t { kSideFile = 1, kGroup = 2 };

}  // namespace

// A journal file: magic, key, then records of u32 length, bytes, u64 checksum. A torn last record
// is dropped.
class ContainerWriter::Journal {
 public:
  static Result<std::unique_ptr<Journal>> Open(const std::string& path) {
    const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) return tl::unexpected(SystemError(path, "create"));
    return std::unique_ptr<Journal>(new Journal(path, descriptor));
  }
  ~Journal() { close(descriptor_); }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  struct Record {
    std::vector<std::byte> bytes;
    uint64_t end;  // in the file
  };

  // The sound records of a journal with this key; none if it has another or is none.
  std::vector<Record> Load(uint64_t key) const {
    std::vector<Record> records;
    const Result<std::string> text = ReadTextFile(path_, kMaxJournalBytes);
    if (!text || text->size() < kHeadBytes) return records;
    const auto bytes = std::as_bytes(std::span(*text));
    if (LoadLe<uint64_t>(bytes.data()) != kJournalMagic ||
        LoadLe<uint64_t>(bytes.data() + 8) != key) {
      return records;
    }
    size_t at = kHeadBytes;
    while (bytes.size() - at >= 4) {
      const uint64_t size = LoadLe<uint32_t>(bytes.data() + at);
      if (size > bytes.size() - at - 4 || bytes.size() - at - 4 - size < 8) break;
      const auto record = bytes.subspan(at + 4, size);
      if (LoadLe<uint64_t>(bytes.data() + at + 4 + size) != Xxh3(record)) break;
      at += 4 + size + 8;
      records.push_back({{record.begin(), record.end()}, at});
    }
    return records;
  }

  // Goes on after the record that ends at `end`.
  Status ContinueAt(uint64_t end) {
    end_ = end;
    if (ftruncate(descriptor_, static_cast<off_t>(end)) == 0) return {};
    return tl::unexpected(SystemError(path_, "truncate"));
  }

  // Starts the file over.
  Status Restart(uint64_t key) {
    EBB_TRY(ContinueAt(0));
    std::vector<std::byte> head;
    AppendLe(head, kJournalMagic);
    AppendLe(head, key);
    return Write(head);
  }

  Status Append(std::span<const std::byte> record) {
    std::vector<std::byte> bytes;
    AppendLe(bytes, static_cast<uint32_t>(record.size()));
    bytes.insert(bytes.end(), record.begin(), record.end());
    AppendLe(bytes, Xxh3(record));
    return Write(bytes);
  }

  void Remove() { unlink(path_.c_str()); }

 private:
  static constexpr uint64_t kHeadBytes = 16;

  Journal(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  Status Write(std::span<const std::byte> bytes) {
    EBB_TRY(WriteAllAt(descriptor_, end_, bytes, path_));
    end_ += bytes.size();
    return {};
  }

  std::string path_;
  int descriptor_;
  uint64_t end_ = 0;
};

Result<std::unique_ptr<ContainerWriter>> ContainerWriter::Open(const std::string& path,
                                                               uint64_t key) {
  const std::string partial_path = path + ".partial";
  const int descriptor = open(partial_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return tl::unexpected(SystemError(partial_path, "create"));
  std::unique_ptr<ContainerWriter> writer(new ContainerWriter(path, descriptor));
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return MakeError(ErrorCode::kIo, partial_path, "another process is writing it");
  }
  EBB_TRY_ASSIGN(writer->journal_, Journal::Open(partial_path + ".journal"));
  EBB_TRY(writer->Resume(key));
  return writer;
}

ContainerWriter::ContainerWriter(std::string path, int descriptor)
    : path_(std::move(path)), partial_path_(path_ + ".partial"), descriptor_(descriptor) {}

ContainerWriter::~ContainerWriter() {
  if (descriptor_ >= 0) close(descriptor_);
}

Status ContainerWriter::Resume(uint64_t key) {
  const std::vector<Journal::Record> records = journal_->Load(key);
  size_t taken = 0;
  while (taken < records.size() && TakeRecord(records[taken].bytes)) ++taken;
  EBB_TRY(taken == 0 ? journal_->Restart(key) : journal_->ContinueAt(records[taken - 1].end));
  // Keep what was confirmed, and nothing else.
  if (ftruncate(descriptor_, static_cast<off_t>(end_)) == 0) return {};
  return tl::unexpected(SystemError(partial_path_, "truncate"));
}

// Takes a journal record over if its bytes are in the partial file.
bool ContainerWriter::TakeRecord(std::span<const std::byte> record) {
  if (record.empty()) return false;
  const auto type = static_cast<uint8_t>(record[0]);
  if (type == kSideFile) {
    Result<SideFileRecord> file = ParseSideFile(record.subspan(1));
    if (!file || !Intact(file->offset, file->bytes, file->checksum)) return false;
    end_ = file->offset + file->bytes;
    index_.side_files.push_back(*std::move(file));
    return true;
  }
  Result<GroupEntry> entry = ParseGroupEntry(record.subspan(1));
  if (type != kGroup || !entry) return false;
  uint64_t offset = entry->group.offset;
  for (ChunkRecord& chunk : entry->chunks) {
    if (!Intact(offset, chunk.bytes, chunk.checksum)) return false;
    offset += chunk.bytes;
  }
  if (offset != entry->group.offset + entry->group.bytes) return false;
  end_ = offset;
  notes_.push_back(std::move(entry->note));
  index_.groups.push_back(entry->group);
  index_.tensors.insert(index_.tensors.end(), entry->tensors.begin(), entry->tensors.end());
  index_.chunks.insert(index_.chunks.end(), entry->chunks.begin(), entry->chunks.end());
  return true;
}

bool ContainerWriter::Intact(uint64_t offset, uint64_t bytes, uint64_t checksum) const {
  const off_t size = lseek(descriptor_, 0, SEEK_END);
  if (offset < end_ || size < 0 || !RangeFits(offset, bytes, static_cast<uint64_t>(size)))
    return false;
  std::vector<std::byte> content(bytes);
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t got = pread(descriptor_, content.data() + done, content.size() - done,
                              static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return Xxh3(content) == checksum;
}

Status ContainerWriter::Write(std::span<const std::byte> bytes) {
  EBB_TRY(WriteAllAt(descriptor_, end_, bytes, partial_path_));
  end_ += bytes.size();
  return {};
}

Status ContainerWriter::AddSideFile(const std::string& name, std::string_view content) {
  end_ = AlignUp(end_, kSmallGroupAlignment);
  const auto bytes = std::as_bytes(std::span(content));
  const SideFileRecord file = {name, end_, content.size(), Xxh3(bytes)};
  EBB_TRY(Write(bytes));
  std::vector<std::byte> record = {std::byte{kSideFile}};
  SerializeSideFile(file, &record);
  EBB_TRY(journal_->Append(record));
  index_.side_files.push_back(file);
  return {};
}

Status ContainerWriter::BeginGroup(bool large) {
  end_ = AlignUp(end_, large ? kLargeGroupAlignment : kSmallGroupAlignment);
  open_group_ = {};
  open_group_.group.offset = end_;
  return {};
}

Status ContainerWriter::AppendChunk(std::span<const std::byte> bytes, uint32_t elements) {
  open_group_.chunks.push_back(
      {static_cast<uint32_t>(bytes.size()), elements, Xxh3(bytes), end_, 0});
  return Write(bytes);
}

Status ContainerWriter::EndGroup(std::vector<TensorRecord> tensors, std::vector<std::byte> note) {
  GroupRecord& group = open_group_.group;
  group.bytes = end_ - group.offset;
  group.tensors = static_cast<uint32_t>(tensors.size());
  group.chunks = static_cast<uint32_t>(open_group_.chunks.size());
  open_group_.tensors = std::move(tensors);
  open_group_.note = note;
  notes_.push_back(std::move(note));
  std::vector<std::byte> record = {std::byte{kGroup}};
  SerializeGroupEntry(open_group_, &record);
  // The disk begins now, so that Finish need not wait for all of it.
  (void)sync_file_range(descriptor_, static_cast<off64_t>(group.offset),
                        static_cast<off64_t>(group.bytes), SYNC_FILE_RANGE_WRITE);
  EBB_TRY(journal_->Append(record));
  index_.groups.push_back(group);
  index_.tensors.insert(index_.tensors.end(), open_group_.tensors.begin(),
                        open_group_.tensors.end());
  index_.chunks.insert(index_.chunks.end(), open_group_.chunks.begin(), open_group_.chunks.end());
  return {};
}

Result<uint64_t> ContainerWriter::Finish(std::string attributes, std::vector<std::string> codecs) {
  index_.attributes = std::move(attributes);
  index_.codecs = std::move(codecs);
  const std::vector<std::byte> index_bytes = SerializeIndex(index_);
  FileHeader header;
  header.index_offset = end_;
  header.index_bytes = index_bytes.size();
  header.index_checksum = Xxh3(index_bytes);
  EBB_TRY(Write(index_bytes));
  header.file_bytes = end_;
  EBB_TRY(WriteAllAt(descriptor_, 0, SerializeHeader(header), partial_path_));
  if (fsync(descriptor_) != 0) return tl::unexpected(SystemError(partial_path_, "fsync"));
  if (rename(partial_path_.c_str(), path_.c_str()) != 0) {
    return tl::unexpected(SystemError(path_, "rename into place"));
  }
  journal_->Remove();
  EBB_TRY(SyncParentDirectory(path_));
  return header.file_bytes;
}

}  // namespace ebb
