// The parts as tables for people.
#include "report/impl/study_summary.h"
#include "report/study.h"

#include <cmath>

namespace qprompt {
namespace {

using namespace study;

std::string h_of_zero_shot(const StudyResult& result) {
  return percent(harmonic_mean(result.zero_shot_base, result.zero_shot_new));
}

std::vector<std::string> scores(const StudyRow& row) {
  const StudyScore score = study_score(row);
  const bool several = row.seeds.size() > 1;
  return {score_text(score.base, several), score_text(score.fresh, several),
          score_text(score.h, several)};
}

std::vector<std::string> join(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Table noise_table(const StudyResult& result) {
  Table table{"Noise on CoOp's context while training",
              {"method", "s / σ", "base %", "new %", "H %"},
              {{"zero-shot CLIP", "", percent(result.zero_shot_base), percent(result.zero_shot_new),
                h_of_zero_shot(result)}}};
  for (const StudyRow* row : rows_of(result, StudyPart::kNoise)) {
    const double sigma = row->seeds[0].initial_deviation;
    table.rows.push_back(
        join({row->label, sigma > 0 ? number(row->setting.noise / sigma) : ""}, scores(*row)));
  }
  return table;
}

Table weights_table(const StudyResult& result) {
  Table table{"The context's values while CoOp trains",
              {"epoch", "mean", "σ", "variance", "beyond 3σ %", "beyond 4σ %", "KL", "KL of shape",
               "distance"},
              {}};
  for (const StudyStage& stage : result.weights.stages) {
    const bool first = table.rows.empty();
    const auto against = [&](const Spread& s) { return first ? "-" : number(s.mean); };
    table.rows.push_back({cat(stage.epoch), number(stage.mean.mean),
                          number(std::sqrt(stage.variance.mean)), number(stage.variance.mean),
                          percent(100 * stage.beyond3.mean), percent(100 * stage.beyond4.mean),
                          against(stage.kl), against(stage.shape_kl), against(stage.distance)});
  }
  return table;
}

Table fits_table(const StudyResult& result, StudyPart part, const std::string& title) {
  Table table{title, {"setting", "base %", "new %", "H %", "fits"}, {}};
  for (const StudyRow* row : rows_of(result, part)) {
    table.rows.push_back(
        join({row->label}, join(scores(*row), {number(study_score(*row).fits.mean)})));
  }
  return table;
}

Table payload_table(const StudyResult& result, StudyPart part, const std::string& title) {
  Table table{title,
              {"method", "payload", "base %", "new %", "H %"},
              {{"zero-shot CLIP", "0 B", percent(result.zero_shot_base),
                percent(result.zero_shot_new), h_of_zero_shot(result)}}};
  for (const StudyRow* row : rows_of(result, part)) {
    table.rows.push_back(join({row->label, cat(row->payload_bytes, " B")}, scores(*row)));
  }
  return table;
}

Table part_table(const StudyResult& result, StudyPart part) {
  switch (part) {
    case StudyPart::kNoise:
      return noise_table(result);
    case StudyPart::kWeights:
      return weights_table(result);
    case StudyPart::kAblation:
      return fits_table(result, part, "Ablation of the quantizer");
    case StudyPart::kAware:
      return payload_table(result, part, "Quantized while training, or once after it");
    case StudyPart::kBits:
      return payload_table(result, part, "Bits of a value");
    case StudyPart::kSchedule:
      return fits_table(result, part, "When centres are fitted again: t and T_KL");
  }
  return {};
}

std::string exact(double value) { return number(value, 10); }

Table score_csv(const StudyResult& result) {
  Table table{"",
              {"part", "row", "quantization", "bits", "normalise", "schedule", "t", "t_kl", "noise",
               "payload_bytes", "seeds", "base_mean", "base_std", "new_mean", "new_std", "h_mean",
               "h_std", "fits_mean"},
              {}};
  const char* schedule[] = {"every-step", "once", "adaptive"};
  for (const StudyRow& row : result.rows) {
    const StudyScore s = study_score(row);
    const StudySetting& set = row.setting;
    const bool codes = set.quantization != Quantization::kNone;
    const bool fits = set.quantization == Quantization::kAware;
    const bool adaptive = fits && set.quantizer.schedule == Schedule::kAdaptive;
    table.rows.push_back({study_part_names()[static_cast<size_t>(row.part)], row.label,
                          quantizations()[static_cast<size_t>(set.quantization)],
                          codes ? cat(set.quantizer.bits) : "",
                          codes ? (set.quantizer.normalise ? "true" : "false") : "",
                          fits ? schedule[static_cast<size_t>(set.quantizer.schedule)] : "",
                          adaptive ? cat(set.quantizer.interval) : "",
                          adaptive ? number(set.quantizer.kl_threshold, 6) : "",
                          number(set.noise, 6), cat(row.payload_bytes), cat(row.seeds.size()),
                          exact(s.base.mean), exact(s.base.deviation), exact(s.fresh.mean),
                          exact(s.fresh.deviation), exact(s.h.mean), exact(s.h.deviation),
                          exact(s.fits.mean)});
  }
  return table;
}

Table curve_csv(const StudyResult& result) {
  Table table{"",
              {"noise", "epoch", "base_mean", "base_std", "new_mean", "new_std", "h_mean", "h_std"},
              {}};
  for (const StudyRow* row : rows_of(result, StudyPart::kNoise)) {
    for (const CurveScore& c : curve_of(*row)) {
      table.rows.push_back({number(row->setting.noise, 6), cat(c.epoch), exact(c.base.mean),
                            exact(c.base.deviation), exact(c.fresh.mean), exact(c.fresh.deviation),
                            exact(c.h.mean), exact(c.h.deviation)});
    }
  }
  return table;
}

Table weights_csv(const StudyResult& result) {
  Table table{"", {"epoch"}, {}};
  for (const char* name :
       {"mean", "variance", "beyond3", "beyond4", "kl", "shape_kl", "distance"}) {
    table.header.push_back(cat(name, "_mean"));
    table.header.push_back(cat(name, "_std"));
  }
  for (const StudyStage& s : result.weights.epochs) {
    std::vector<std::string> row{cat(s.epoch)};
    for (const Spread& value :
         {s.mean, s.variance, s.beyond3, s.beyond4, s.kl, s.shape_kl, s.distance}) {
      row.push_back(exact(value.mean));
      row.push_back(exact(value.deviation));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table histogram_csv(const StudyResult& result) {
  Table table{"", {"values", "epoch", "low", "high", "density"}, {}};
  for (const auto& [name, histograms] :
       {std::pair{"raw", &result.weights.raw}, std::pair{"normalised", &result.weights.shape}}) {
    for (const StudyHistogram& h : *histograms) {
      const double width = (h.high - h.low) / static_cast<double>(h.density.size());
      for (size_t b = 0; b < h.density.size(); ++b) {
        const double low = h.low + width * static_cast<double>(b);
        table.rows.push_back(
            {name, cat(h.epoch), exact(low), exact(low + width), exact(h.density[b])});
      }
    }
  }
  return table;
}

}  // namespace

std::vector<Table> study_tables(const StudyResult& result) {
  std::vector<Table> tables;
  for (const StudyPart part : result.parts) tables.push_back(part_table(result, part));
  return tables;
}

std::vector<std::pair<std::string, Table>> study_csv(const StudyResult& result) {
  std::vector<std::pair<std::string, Table>> files;
  for (auto& [name, table] :
       {std::pair{"scores.csv", score_csv(result)}, std::pair{"curves.csv", curve_csv(result)},
        std::pair{"weights.csv", weights_csv(result)},
        std::pair{"histograms.csv", histogram_csv(result)}}) {
    if (!table.rows.empty()) files.emplace_back(name, table);
  }
  return files;
}

}  // namespace qprompt
