// The figures of a part. Private to the room.
#pragma once

#include <string>

#include "report/study.h"

namespace qprompt::study {

/// As HTML, in the order of the page.
std::string figures_of(const StudyResult& result, StudyPart part);

}  // namespace qprompt::study
