// CoOp's few-shot cache, split_fewshot/shot_K-seed_S.pkl, as the JSON that `data sample` writes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace qprompt::dataset {

/// {"train": [{"path", "label", "class"}…], "val": …} with the pickle's absolute paths. Throws
/// kPath or kContent.
nlohmann::json read_coop_pickle(const std::string& file);

}  // namespace qprompt::dataset
