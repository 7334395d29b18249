// Means over seeds and numbers as text, for tables, figures and the page. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "report/study.h"

namespace qprompt::study {

/// A curve over the seeds at one epoch.
struct CurveScore {
  int64_t epoch = 0;
  Spread base, fresh, h;
};
/// Empty for a row without curves.
std::vector<CurveScore> curve_of(const StudyRow& row);

/// The rows of a part, in order.
std::vector<const StudyRow*> rows_of(const StudyResult& result, StudyPart part);

/// `digits` significant ones, as short as that goes: "0.001", "1.2e-05".
std::string number(double value, int digits = 3);
/// "70.55 ± 0.10", without the deviation where there is one seed.
std::string score_text(const Spread& spread, bool several);

}  // namespace qprompt::study
