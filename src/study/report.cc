#include "study/report.h"

#include "base/version.h"
#include "study/report_parts.h"

namespace ebb {

Result<std::string> RenderReport(const StudyResults& results, const StudyAnalysis& analysis) {
  const auto fact = [&](const char* key) {
    const auto found = results.facts.find(key);
    return found == results.facts.end() ? std::string("?") : found->second;
  };
  const std::string model = fact("model");
  const size_t slash = model.find_last_of('/');
  HtmlPage page("Error in the experts of " +
                (slash == std::string::npos ? model : model.substr(slash + 1)));
  const ReportInput input = {results, analysis};
  AddSummary(input, &page);
  AddRates(input, &page);
  AddMaps(input, &page);
  AddCodecs(input, &page);
  AddBytes(input, &page);
  EBB_TRY(AddRouter(input, &page));
  AddInside(input, &page);
  AddFailures(input, &page);
  AddContrasts(input, &page);
  page.Footer(
      fmt::format("Made by Ebb {} from the study of {} ({}, {} layers, {} experts a layer).",
                  kVersion, model, fact("architecture"), fact("num_layers"), fact("num_experts")));
  return page.Render();
}

}  // namespace ebb
