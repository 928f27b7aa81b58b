// Puts errors into the weights of chosen experts, in memory: each goes through a codec under its
// bound and back, and the engine computes with what came back.
//
// Everything follows from the specification, its seed and the weights: the same injection gives the
// same weights on every run, whatever the number of threads.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/threads.h"
#include "engine/engine.h"
#include "eval/injection_spec.h"
#include "model/observer.h"

namespace ebb {

// What one injection did.
struct InjectionSummary {
  std::string spec;
  std::vector<ExpertKey> experts;
  uint64_t weights = 0;
  // Of finite weights, each over its own expert's figure: max |w' - w| / bound (absent for
  // randomise and where the bound is 0) and the root mean square of |w' - w| / mean |w|.
  std::optional<double> max_error_over_bound;
  double rmse_over_mean_abs = 0;
  std::optional<double> bits_per_weight;  // all bytes that decoding needs; absent for noise
};

struct InjectedExperts {
  std::map<ExpertKey, std::shared_ptr<const ExpertWeights>> weights;
  std::vector<InjectionSummary> summaries;  // of each injection, in order

  // Makes the engine compute with these, and with the model's own weights for all others.
  void Install(Engine& engine) const;
};

// Whether choosing the experts needs to know how often each was selected.
[[nodiscard]] bool NeedsSelections(std::span<const InjectionSpec> specs);

// The experts that a specification means, in rising order. `selections` may be null if it needs
// none. The specification must have passed CheckInjection.
[[nodiscard]] std::vector<ExpertKey> ChooseExperts(const InjectionSpec& spec,
                                                   const ModelConfig& config,
                                                   const SelectionCounter* selections);

// What MakeInjection will hold at most, in bytes: the experts' weights as float32, those that an
// injection replaces beside their successors, and the scratch memory of `threads` threads. Nothing
// needs to be counted for it: experts chosen by count are taken to be those that no other injection
// chooses. The specifications must have passed CheckInjection.
[[nodiscard]] uint64_t InjectedBytes(std::span<const InjectionSpec> specs,
                                     const ModelConfig& config, int threads);

// The weights of an expert after one injection. gate, up and down are arrays of their own under one
// bound, relative to the mean magnitude of all three; each has its own random numbers, from the
// seed, layer, expert and matrix. A codec that cannot code the weights is an error.
// `hidden_size` is the model's: gate and up are [., hidden], down [hidden, .].
struct InjectedWeights {
  ExpertWeights weights;
  float bound = 0;           // absolute
  double mean_abs = 0;       // of the weights before
  double max_error = 0;      // |w' - w| over finite w
  double sum_squares = 0;    // of w' - w
  uint64_t coded_bytes = 0;  // stream and side bytes
};
[[nodiscard]] Result<InjectedWeights> InjectIntoExpert(const InjectionSpec& spec, ExpertKey key,
                                                       const ExpertWeights& weights,
                                                       int64_t hidden_size);

// Applies the injections in order, each to what those before it have left of an expert. Reads the
// model's own weights through the engine, and changes nothing in it.
[[nodiscard]] Result<InjectedExperts> MakeInjection(const Engine& engine,
                                                    std::span<const InjectionSpec> specs,
                                                    const SelectionCounter* selections,
                                                    const ThreadPool& pool,
                                                    const ProgressSink& progress = {});

}  // namespace ebb
