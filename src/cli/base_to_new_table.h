// Base-to-new over seeds as a table and as JSON: what `base-to-new` and `demo` print.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "experiment/results.h"
#include "report/table.h"

namespace qprompt::cli {

/// `folders` has the copies of the cells' prompts, or is empty. `data` is what the table calls the
/// data set.
struct BaseToNew {
  const Results& results;
  std::vector<std::string> folders;
  std::string data;
};
Table base_to_new_table(const BaseToNew& run);
JsonValue base_to_new_json(const BaseToNew& run);

}  // namespace qprompt::cli
