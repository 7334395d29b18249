// Which trainings the parts need. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "report/study.h"

namespace qprompt::study {

/// One setting to train, with every seed. Parts that need the same one share it.
struct StudyCell {
  std::string label;  ///< of the row that asked first
  StudySetting setting;
  FitOptions fit;          ///< with the setting in it
  bool curve = false;      ///< scored at every watched epoch
  bool weights = false;    ///< its float values are kept at every watched epoch
  bool described = false;  ///< and are what the part `weights` describes

  Watch watch() const;
};
struct PlannedRow {
  StudyPart part = StudyPart::kNoise;
  std::string label;
  size_t cell = 0;
};
struct Plan {
  std::vector<StudyCell> cells;  ///< in the order of first use
  std::vector<PlannedRow> rows;
};
/// Throws kUsage when a list that a part needs is empty.
Plan make_plan(const StudyOptions& options);

/// 0, …, epochs: all of them, or 51 evenly spread ones.
std::vector<int64_t> watched_epochs(int64_t epochs);
/// The start, the first epoch, a tenth, a fifth, the half and the end, of the watched ones.
std::vector<int64_t> stage_epochs(int64_t epochs);

}  // namespace qprompt::study
