#include "report/impl/study_figures.h"

#include <algorithm>

#include "report/chart.h"
#include "report/impl/study_summary.h"

namespace qprompt::study {
namespace {

constexpr const char* kAccuracy = "accuracy, %";

/// One of base, new and H, and how it is written.
template <class Score>
struct Measured {
  const char *name, *title;
  Spread Score::*value;
};
constexpr Measured<StudyScore> kScores[] = {{"base", "base classes", &StudyScore::base},
                                            {"new", "new classes", &StudyScore::fresh},
                                            {"h", "H", &StudyScore::h}};
constexpr Measured<CurveScore> kCurves[] = {{"base", "base classes", &CurveScore::base},
                                            {"new", "new classes", &CurveScore::fresh},
                                            {"h", "H", &CurveScore::h}};

std::string noise_figures(const StudyResult& result) {
  std::string figures;
  for (const auto& measured : kCurves) {
    Chart chart{cat("fig-noise-", measured.name),
                cat("CoOp with noise N(0, s²) while training: ", measured.title,
                    "; the bands are ± one deviation over the seeds."),
                "epoch", kAccuracy};
    for (const StudyRow* row : rows_of(result, StudyPart::kNoise)) {
      Series series{"s = " + number(row->setting.noise)};
      for (const CurveScore& point : curve_of(*row)) {
        const Spread& value = point.*measured.value;
        series.marks.push_back({double(point.epoch), value.mean, value.deviation});
      }
      chart.series.push_back(std::move(series));
    }
    figures += draw(chart);
  }
  return figures;
}

std::string histogram_figure(Chart chart, const std::vector<StudyHistogram>& histograms) {
  chart.ordered = chart.from_zero = true;
  for (const StudyHistogram& h : histograms) {
    Series series{cat("epoch ", h.epoch)};
    const double width = (h.high - h.low) / static_cast<double>(h.density.size());
    for (size_t b = 0; b < h.density.size(); ++b) {
      series.marks.push_back({h.low + width * (double(b) + 0.5), h.density[b], 0});
    }
    chart.series.push_back(std::move(series));
  }
  chart.shape = Marks::kSteps;
  return draw(chart);
}

/// What a stage says, over the watched epochs.
Series over_epochs(const StudyResult& result, const std::string& name, Spread StudyStage::*value,
                   double scale) {
  Series series{name};
  for (const StudyStage& stage : result.weights.epochs) {
    const Spread& s = stage.*value;
    series.marks.push_back({double(stage.epoch), scale * s.mean, scale * s.deviation});
  }
  return series;
}

/// The same of what needs a stage before.
Series between_epochs(const StudyResult& result, const std::string& name,
                      Spread StudyStage::*value) {
  Series series = over_epochs(result, name, value, 1);
  series.marks.erase(series.marks.begin());
  return series;
}

std::string weights_figures(const StudyResult& result) {
  if (result.weights.epochs.empty()) return "";
  const Chart raw{"fig-weights-raw", "Values of the context, all seeds together.", "value",
                  "density"};
  const Chart shape{"fig-weights-shape",
                    "The same after (W − μ) / σ; values beyond ± 4 count in the outermost bins.",
                    "(value − μ) / σ", "density"};
  Chart variance{"fig-weights-variance", "Variance of the context's values.", "epoch", "variance"};
  variance.series = {over_epochs(result, "", &StudyStage::variance, 1)};
  Chart outliers{"fig-weights-outliers",
                 "Outliers: values further from μ than 3σ and 4σ (a normal distribution has 0.27 % "
                 "and 0.006 %).",
                 "epoch", "share of the values, %"};
  outliers.series = {over_epochs(result, "beyond 3σ", &StudyStage::beyond3, 100),
                     over_epochs(result, "beyond 4σ", &StudyStage::beyond4, 100)};
  Chart kl{
      "fig-weights-kl",
      "KL divergence between the histograms of neighbouring epochs, of the values and of their "
      "shape.",
      "epoch", "KL, nats"};
  kl.series = {between_epochs(result, "values", &StudyStage::kl),
               between_epochs(result, "shape", &StudyStage::shape_kl)};
  Chart distance{"fig-weights-distance",
                 "Distance between neighbouring epochs, relative to the norm of the earlier.",
                 "epoch", "‖W_e − W_{e−1}‖ / ‖W_{e−1}‖"};
  distance.series = {between_epochs(result, "", &StudyStage::distance)};
  for (Chart* chart : {&variance, &outliers, &kl, &distance}) chart->from_zero = true;
  return histogram_figure(raw, result.weights.raw) + histogram_figure(shape, result.weights.shape) +
         draw(variance) + draw(outliers) + draw(kl) + draw(distance);
}

/// The numbers of bits that rows have, in order of first appearance.
std::vector<int64_t> bits_of(const std::vector<const StudyRow*>& rows) {
  std::vector<int64_t> bits;
  for (const StudyRow* row : rows) {
    if (row->setting.quantization == Quantization::kNone) continue;
    const int64_t b = row->setting.quantizer.bits;
    if (std::find(bits.begin(), bits.end(), b) == bits.end()) bits.push_back(b);
  }
  return bits;
}

std::string bits_name(int64_t bits) { return cat(bits, bits == 1 ? " bit" : " bits"); }

std::string ablation_figures(const StudyResult& result) {
  const auto rows = rows_of(result, StudyPart::kAblation);
  const std::vector<int64_t> bits = bits_of(rows);
  std::string figures;
  for (const auto& measured : kScores) {
    Chart chart{
        cat("fig-ablation-", measured.name),
        cat("Ablation: ", measured.title,
            ". The first three are the paper's ladder, CAC being the adaptive schedule; the "
            "others complete normalisation × schedule (raw: not normalised)."),
        "", kAccuracy, Marks::kPoints};
    chart.places = {"k-means only", "+ norm.", "+ CAC", "CAC, raw", "once, norm.", "once, raw"};
    for (size_t b = 0; b < bits.size(); ++b) {
      Series series{bits_name(bits[b])};
      double place = 0.14 * (double(b) - double(bits.size() - 1) / 2);
      for (const StudyRow* row : rows) {
        if (row->setting.quantizer.bits != bits[b]) continue;
        const Spread value = study_score(*row).*measured.value;
        series.marks.push_back({place, value.mean, value.deviation});
        place += 1;
      }
      chart.series.push_back(std::move(series));
    }
    figures += draw(chart);
  }
  return figures;
}

/// Rows of one kind over the numbers of bits.
Series over_bits(const std::vector<const StudyRow*>& rows, const std::vector<int64_t>& bits,
                 Quantization kind, Spread StudyScore::*value) {
  Series series;
  for (const StudyRow* row : rows) {
    if (row->setting.quantization != kind) continue;
    const Spread s = study_score(*row).*value;
    if (kind == Quantization::kNone) {
      series.dashed = true;
      series.marks = {{-0.5, s.mean, 0}, {double(bits.size()) - 0.5, s.mean, 0}};
      continue;
    }
    const auto place = std::find(bits.begin(), bits.end(), row->setting.quantizer.bits);
    series.marks.push_back({double(place - bits.begin()), s.mean, s.deviation});
  }
  return series;
}

Chart bits_chart(const std::string& id, const std::string& caption,
                 const std::vector<int64_t>& bits) {
  Chart chart{id, caption, "bits of a value", kAccuracy, Marks::kJoinedPoints};
  for (const int64_t b : bits) chart.places.push_back(cat(b));
  return chart;
}

std::string aware_figures(const StudyResult& result) {
  const auto rows = rows_of(result, StudyPart::kAware);
  const std::vector<int64_t> bits = bits_of(rows);
  std::string figures;
  for (const auto& measured : kScores) {
    Chart chart = bits_chart(cat("fig-aware-", measured.name),
                             cat("Quantized while training against once after it: ", measured.title,
                                 "; dashed: the float prompt."),
                             bits);
    const std::pair<Quantization, const char*> kinds[] = {{Quantization::kAware, "while training"},
                                                          {Quantization::kPostTraining, "after"},
                                                          {Quantization::kNone, "CoOp, float"}};
    for (const auto& [kind, name] : kinds) {
      chart.series.push_back(over_bits(rows, bits, kind, measured.value));
      chart.series.back().name = name;
      const double shift = kind == Quantization::kPostTraining ? 0.06 : -0.06;
      if (kind == Quantization::kNone) continue;
      for (Mark& mark : chart.series.back().marks) mark.x += shift;
    }
    figures += draw(chart);
  }
  return figures;
}

std::string bits_figures(const StudyResult& result) {
  const auto rows = rows_of(result, StudyPart::kBits);
  const std::vector<int64_t> bits = bits_of(rows);
  Chart chart = bits_chart("fig-bits", "QCoOp by bits of a value; dashed: the float prompt.", bits);
  for (const auto& measured : kScores) {
    const auto colour = static_cast<int64_t>(&measured - kScores);
    Series aware = over_bits(rows, bits, Quantization::kAware, measured.value);
    aware.name = measured.title;
    Series plain = over_bits(rows, bits, Quantization::kNone, measured.value);
    aware.colour = plain.colour = colour;
    chart.series.push_back(std::move(plain));
    chart.series.push_back(std::move(aware));
  }
  return draw(chart);
}

std::string schedule_figures(const StudyResult& result) {
  const auto rows = rows_of(result, StudyPart::kSchedule);
  std::string figures;
  for (const int64_t bits : bits_of(rows)) {
    Heat heat{cat("fig-schedule-", bits),
              cat("H in percent by t and T_KL, ", bits_name(bits),
                  "; in brackets how often centres were fitted (means over the seeds)."),
              "T_KL",
              "t, steps",
              {},
              {},
              {},
              {}};
    for (const StudyRow* row : rows) {
      if (row->setting.quantizer.bits != bits) continue;
      const std::string column = number(row->setting.quantizer.kl_threshold, 6);
      const std::string line = cat(row->setting.quantizer.interval);
      if (std::count(heat.columns.begin(), heat.columns.end(), column) == 0) {
        heat.columns.push_back(column);
      }
      if (std::count(heat.rows.begin(), heat.rows.end(), line) == 0) heat.rows.push_back(line);
      const StudyScore score = study_score(*row);
      heat.values.push_back(score.h.mean);
      heat.notes.push_back(score.fits.mean);
    }
    figures += draw(heat);
  }
  return figures;
}

}  // namespace

std::string figures_of(const StudyResult& result, StudyPart part) {
  switch (part) {
    case StudyPart::kNoise:
      return noise_figures(result);
    case StudyPart::kWeights:
      return weights_figures(result);
    case StudyPart::kAblation:
      return ablation_figures(result);
    case StudyPart::kAware:
      return aware_figures(result);
    case StudyPart::kBits:
      return bits_figures(result);
    case StudyPart::kSchedule:
      return schedule_figures(result);
  }
  return "";
}

}  // namespace qprompt::study
