// Base-to-new over seeds: the field's protocol, for `base-to-new` and `demo`.
#pragma once

#include "cli/method.h"

namespace qprompt::cli {

/// What one classifier reached with one seed, in percent.
struct SeedResult {
  uint64_t seed = 0;
  double base = 0, fresh = 0;
  int64_t payload_bytes = 0, file_bytes = 0;
  double seconds = 0;
  std::string path;
};
struct VariantResult {
  std::string name;
  std::vector<SeedResult> seeds;
};
struct ProtocolResult {
  std::string data;
  int64_t base_classes = 0, new_classes = 0;
  int64_t base_images = 0, new_images = 0, failed = 0;
  std::vector<VariantResult> variants;  ///< zero-shot first
};

/// Trains every variant on the base half for every seed (into `out`/<variant>-seed<S>), reads each
/// artefact back, and scores base and new test images. Images are encoded
/// once, and once more for each prompt with rows in that tower.
struct ProtocolOptions {
  std::vector<Variant> variants;
  std::vector<uint64_t> seeds;
  std::vector<std::string> templates;  ///< of zero-shot
  std::string out;
};
ProtocolResult run_base_to_new(const Clip& clip, const Split& split, const RunOptions& run,
                               const ProtocolOptions& options, Log& log);

Table protocol_table(const ProtocolResult& result);
Json protocol_json(const ProtocolResult& result);

}  // namespace qprompt::cli
