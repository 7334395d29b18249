#include "report/impl/study_summary.h"

#include <cstdio>

namespace qprompt::study {

std::vector<CurveScore> curve_of(const StudyRow& row) {
  std::vector<CurveScore> curve;
  if (row.seeds.empty()) return curve;
  for (size_t i = 0; i < row.seeds[0].curve.size(); ++i) {
    StudyRow point;
    for (const StudySeed& seed : row.seeds) {
      StudySeed then;
      then.base = seed.curve[i].base;
      then.fresh = seed.curve[i].fresh;
      point.seeds.push_back(then);
    }
    const StudyScore score = study_score(point);
    curve.push_back({row.seeds[0].curve[i].epoch, score.base, score.fresh, score.h});
  }
  return curve;
}

std::vector<const StudyRow*> rows_of(const StudyResult& result, StudyPart part) {
  std::vector<const StudyRow*> rows;
  for (const StudyRow& row : result.rows) {
    if (row.part == part) rows.push_back(&row);
  }
  return rows;
}

std::string number(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

std::string score_text(const Spread& spread, bool several) {
  return percent(spread.mean, several ? spread.deviation : -1);
}

}  // namespace qprompt::study
