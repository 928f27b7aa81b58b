// ebb bench stream: how fast the experts of a file come from the disk, in random order, beside what
// the disk can give at most.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>

#include "base/checked.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/disk_limit.h"
#include "cli/machine_limits.h"
#include "offload/async_reader.h"
#include "packed/packed_source.h"

namespace ebb {
namespace {

struct Options {
  std::string input;
  int runs = 5;
  uint32_t in_flight = 16;
  bool json = false;
};

struct Rate {
  double bytes_per_second = 0;
  double cpu_seconds_per_gb = 0;  // of all threads of this process, and the kernel for them
};

double CpuSeconds() {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The routed experts of a file, and memory for as many as are in flight.
class Experts {
 public:
  [[nodiscard]] static Result<Experts> Of(const PackedSource& packed, uint32_t in_flight) {
    Experts experts(packed.container());
    for (size_t g = 0; g < packed.groups().size(); ++g) {
      if (packed.groups()[g].routed_expert) experts.groups_.push_back(g);
    }
    uint64_t largest = 0;
    for (const size_t g : experts.groups_) {
      const GroupRecord& group = experts.Group(g);
      experts.bytes_ += group.bytes;
      largest = std::max(largest, WidenedBytes(group.offset, group.bytes));
    }
    if (experts.groups_.empty()) {
      return MakeError(ErrorCode::kInvalidArgument, packed.container().file().path(),
                       "has no routed experts");
    }
    EBB_TRY_ASSIGN(experts.memory_, PageBuffer::Allocate(largest * in_flight));
    // Resident before anything is timed.
    std::memset(experts.memory_.data(), 1, experts.memory_.size());
    for (uint32_t i = 0; i < in_flight; ++i) {
      experts.buffers_.push_back(experts.memory_.span().subspan(i * largest, largest));
    }
    return experts;
  }

  size_t count() const { return groups_.size(); }
  uint64_t bytes() const { return bytes_; }
  std::span<std::byte> memory() const { return memory_.span(); }
  void Shuffle(std::mt19937_64& random) { std::shuffle(groups_.begin(), groups_.end(), random); }

  // All of them once, as many in flight as there are buffers.
  [[nodiscard]] Result<Rate> Read(AsyncReader& reader, bool check) const {
    const double cpu = CpuSeconds();
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::span<std::byte>> free = buffers_;
    std::vector<std::span<std::byte>> used(container_.index().groups.size());
    Status status;
    size_t next = 0;
    const auto submit = [&] {
      while (status && next < groups_.size() && !free.empty()) {
        const size_t g = groups_[next++];
        used[g] = free.back();
        free.pop_back();
        EBB_CHECK(reader.Submit({g, Group(g).offset, Group(g).bytes, used[g]}));
      }
    };
    // After an error too, reads in flight are waited for: the buffers are theirs.
    submit();
    while (const auto read = reader.Wait()) {
      if (!read->bytes) {
        status = tl::unexpected(read->bytes.error());
      } else if (check && status) {
        status = container_.CheckGroup(Group(read->tag), *read->bytes);
      }
      free.push_back(used[read->tag]);
      submit();
    }
    EBB_TRY(status);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const auto read_bytes = static_cast<double>(bytes_);
    return Rate{read_bytes / seconds.count(), (CpuSeconds() - cpu) / (read_bytes / 1e9)};
  }

 private:
  explicit Experts(const ContainerReader& container) : container_(container) {}
  const GroupRecord& Group(size_t g) const { return container_.index().groups[g]; }

  const ContainerReader& container_;
  std::vector<size_t> groups_;
  uint64_t bytes_ = 0;
  PageBuffer memory_;
  std::vector<std::span<std::byte>> buffers_;
};

// One way of reading, and what it gave in each run.
struct Case {
  std::unique_ptr<AsyncReader> reader;
  std::string name;
  bool check = false;
  std::vector<double> rates;   // bytes a second
  std::vector<double> cpu;     // seconds a GB
  std::vector<double> ratios;  // to the limit of the same run
};

struct Limits {
  uint64_t block_bytes = 0;
  std::vector<double> sequential;
  std::vector<double> random;
};

Result<std::vector<Case>> MakeCases(const File& file, const Experts& experts, uint32_t in_flight) {
  std::vector<Case> cases;
  for (const ReadMethod method : {ReadMethod::kIoUring, ReadMethod::kPread}) {
    for (const bool check : {false, true}) {
      AsyncReaderOptions options;
      options.in_flight = in_flight;
      options.method = method;
      auto reader = AsyncReader::Open(file, options);
      // A machine without io_uring is measured without it.
      if (!reader && reader.error().code == ErrorCode::kUnsupported) continue;
      if (!reader) return tl::unexpected(std::move(reader).error());
      const std::span<std::byte> memory = experts.memory();
      (*reader)->RegisterBuffers({&memory, 1});
      const std::string name = (*reader)->Describe();
      cases.push_back({std::move(*reader), name, check, {}, {}, {}});
    }
  }
  return cases;
}

Status MeasureLimits(DiskLimit& disk, uint64_t bytes, std::mt19937_64& random, Limits* limits) {
  std::vector<uint64_t> blocks(disk.blocks());
  std::iota(blocks.begin(), blocks.end(), uint64_t{0});
  // As many bytes as the experts have, from anywhere in the file.
  const size_t count = std::min<uint64_t>(blocks.size(), bytes / disk.block_bytes() + 1);
  EBB_TRY_ASSIGN(const double sequential, disk.Measure(std::span(blocks).first(count)));
  std::shuffle(blocks.begin(), blocks.end(), random);
  EBB_TRY_ASSIGN(const double scattered, disk.Measure(std::span(blocks).first(count)));
  limits->sequential.push_back(sequential);
  limits->random.push_back(scattered);
  return {};
}

OrderedJson ToJson(const std::vector<double>& rates) {
  OrderedJson json;
  json["median"] = MedianOf(rates);
  json["min"] = *std::min_element(rates.begin(), rates.end());
  json["max"] = *std::max_element(rates.begin(), rates.end());
  return json;
}

OrderedJson ToJson(const Options& options, const Experts& experts, const Limits& limits,
                   const std::vector<Case>& cases) {
  OrderedJson json;
  json["machine"] = MachineName();
  json["file"] = options.input;
  json["experts"] = experts.count();
  json["bytes"] = experts.bytes();
  json["in_flight"] = options.in_flight;
  json["runs"] = options.runs;
  json["limit"]["block_bytes"] = limits.block_bytes;
  json["limit"]["sequential_bytes_per_second"] = ToJson(limits.sequential);
  json["limit"]["random_bytes_per_second"] = ToJson(limits.random);
  json["results"] = OrderedJson::array();
  for (const Case& one : cases) {
    OrderedJson result;
    result["method"] = one.name;
    result["checksums"] = one.check;
    result["bytes_per_second"] = ToJson(one.rates);
    result["over_random_limit"] = ToJson(one.ratios);
    result["cpu_seconds_per_gb"] = MedianOf(one.cpu);
    json["results"].push_back(std::move(result));
  }
  return json;
}

void PrintRow(const std::string& name, const char* checksums, const std::vector<double>& rates,
              const std::string& rest) {
  const auto [low, high] = std::minmax_element(rates.begin(), rates.end());
  fmt::print("{:<42} {:>9} {:>7.2f} {:>6.2f}-{:<5.2f} {}\n", name, checksums, MedianOf(rates) / 1e9,
             *low / 1e9, *high / 1e9, rest);
}

void PrintTable(const Options& options, const Experts& experts, const Limits& limits,
                const std::vector<Case>& cases) {
  fmt::print("{}\n{} experts of {}, {} in all, in random order, {} in flight\n", MachineName(),
             FormatCount(experts.count()), options.input, FormatSize(experts.bytes()),
             options.in_flight);
  fmt::print("medians and ranges of {} interleaved runs; GB/s\n\n", options.runs);
  fmt::print("{:<42} {:>9} {:>7} {:^12} {:>7} {:>8}\n", "", "checksums", "GB/s", "range", "/ limit",
             "CPU s/GB");
  const std::string block = FormatSize(limits.block_bytes);
  PrintRow("limit: O_DIRECT, sequential, " + block, "", limits.sequential, "");
  PrintRow("limit: O_DIRECT, random, " + block, "", limits.random, "");
  for (const Case& one : cases) {
    PrintRow(one.name, one.check ? "yes" : "no", one.rates,
             fmt::format("{:>7.3f} {:>8.3f}", MedianOf(one.ratios), MedianOf(one.cpu)));
  }
}

Result<int> Run(const Options& options) {
  EBB_TRY_ASSIGN(const auto packed, PackedSource::Open(options.input));
  const File& file = packed->container().file();
  EBB_TRY_ASSIGN(Experts experts, Experts::Of(*packed, options.in_flight));
  EBB_TRY_ASSIGN(std::vector<Case> cases, MakeCases(file, experts, options.in_flight));
  const uint64_t block = std::min(experts.bytes() / experts.count(), file.size_bytes() / 2);
  EBB_TRY_ASSIGN(const auto disk, DiskLimit::Open(file, block, options.in_flight));
  Limits limits{disk->block_bytes(), {}, {}};
  std::mt19937_64 random(1);
  ProgressBar bar("bench stream");
  const ProgressSink progress = bar.sink();
  for (int run = 0; run < options.runs; ++run) {
    EBB_TRY(MeasureLimits(*disk, experts.bytes(), random, &limits));
    for (Case& one : cases) {
      experts.Shuffle(random);
      EBB_TRY_ASSIGN(const Rate rate, experts.Read(*one.reader, one.check));
      one.rates.push_back(rate.bytes_per_second);
      one.cpu.push_back(rate.cpu_seconds_per_gb);
      one.ratios.push_back(rate.bytes_per_second / limits.random.back());
    }
    if (progress) progress({static_cast<uint64_t>(run) + 1, static_cast<uint64_t>(options.runs)});
  }
  if (options.json) {
    PrintJson(ToJson(options, experts, limits, cases));
  } else {
    PrintTable(options, experts, limits, cases);
  }
  return kExitDone;
}

}  // namespace

void AddBenchStream(CLI::App& bench, CommandBody& body) {
  CLI::App* command =
      bench.add_subcommand("stream", "How fast experts come from the disk, beside its limit");
  const auto options = std::make_shared<Options>();
  command->add_option("--input", options->input, "An .ebb file")->required();
  command->add_option("--runs", options->runs, "Runs of which the median counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_option("--in-flight", options->in_flight, "Reads at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  AddJsonFlag(*command, &options->json);
  command->callback([options, &body] { body = [options] { return Run(*options); }; });
}

}  // namespace ebb
