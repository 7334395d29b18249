// The figures of a part. Private to the room.
#pragma once

#include <vector>

#include "qprompt/report.h"
#include "qprompt/study.h"

namespace qprompt::study {

/// In the order of the page; texts in the scripts are ours alone, never a name from outside.
std::vector<Plot> figures_of(const StudyResult& result, StudyPart part);

}  // namespace qprompt::study
