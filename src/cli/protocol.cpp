#include "cli/protocol.h"

#include <filesystem>

#include "qprompt/eval.h"
#include "qprompt/run.h"

namespace qprompt::cli {
namespace {

std::string folder_name(const std::string& variant, uint64_t seed) {
  std::string name;
  for (char c : variant) {
    if (std::isalnum(static_cast<unsigned char>(c))) name += static_cast<char>(std::tolower(c));
    if (c == ' ' && !name.empty() && name.back() != '-') name += '-';
  }
  return cat(name, "-seed", seed);
}

Json spread_json(const VariantResult& variant, double SeedResult::* field) {
  std::vector<double> values;
  for (const SeedResult& seed : variant.seeds) values.push_back(seed.*field);
  const Spread s = spread(values);
  return {{"mean", s.mean}, {"std", s.deviation}};
}

/// Means over seeds; H is the harmonic mean of the means, its ± that of the seeds' own H.
struct Summary {
  Spread base, fresh, seconds;
  double h = 0, h_deviation = 0;
};

Summary summarise(const VariantResult& variant) {
  std::vector<double> base, fresh, h, seconds;
  for (const SeedResult& seed : variant.seeds) {
    base.push_back(seed.base);
    fresh.push_back(seed.fresh);
    h.push_back(harmonic_mean(seed.base, seed.fresh));
    seconds.push_back(seed.seconds);
  }
  const Spread b = spread(base), n = spread(fresh);
  return {b, n, spread(seconds), harmonic_mean(b.mean, n.mean), spread(h).deviation};
}

}  // namespace

ProtocolResult run_base_to_new(const Clip& clip, const Split& split, const RunOptions& run,
                               const ProtocolOptions& options, Log& log) {
  const FeatureOptions features = feature_options(run.images);
  const TestSet base = open_test_set(clip, split, Half::kBase, features, log);
  const TestSet fresh = open_test_set(clip, split, Half::kNew, features, log);
  ProtocolResult result{split.name,
                        int64_t(base.split.class_names.size()),
                        int64_t(fresh.split.class_names.size()),
                        int64_t(base.features.kept.size()),
                        int64_t(fresh.features.kept.size()),
                        int64_t(base.features.failed.size() + fresh.features.failed.size()),
                        {}};
  const auto zero_shot = [&](const TestSet& test) {
    return score_templates(clip, options.templates, test).accuracy();
  };
  result.variants.push_back(
      {"zero-shot CLIP", {SeedResult{0, zero_shot(base), zero_shot(fresh), 0, 0, 0, ""}}});
  const auto total = static_cast<int64_t>(options.variants.size() * options.seeds.size());
  int64_t done = 0;
  for (const Variant& variant : options.variants) {
    VariantResult row{variant.name, {}};
    for (uint64_t seed : options.seeds) {
      log.note(cat("[", ++done, "/", total, "] ", variant.name, ", seed ", seed));
      Log quiet;  // few-shot warnings of one seed would repeat for every variant
      const Split drawn =
          draw_training(split, run, seed, row.seeds.empty() && done == 1 ? log : quiet);
      FitOptions fit = variant.fit;
      fit.train.seed = seed;
      fit.half = Half::kBase;
      fit.keep_finished = true;
      fit.out = (std::filesystem::path(options.out) / folder_name(variant.name, seed)).string();
      const FitResult trained = fit_prompt(clip, select_half(drawn, Half::kBase), fit, log);
      const auto score = [&](const TestSet& test) {
        return score_prompt(clip, trained.prompt, test).accuracy();
      };
      row.seeds.push_back({seed, score(base), score(fresh), trained.prompt.payload_bytes(),
                           trained.file_bytes, trained.seconds, trained.path});
    }
    result.variants.push_back(std::move(row));
  }
  return result;
}

Table protocol_table(const ProtocolResult& result) {
  Table table{
      cat(result.data, ": base-to-new, ", result.base_classes, " base and ", result.new_classes,
          " new classes, ", result.base_images, " + ", result.new_images, " test images"),
      {"method", "payload", "base %", "new %", "H %", "seconds"},
      {}};
  for (const VariantResult& variant : result.variants) {
    const Summary s = summarise(variant);
    const bool several = variant.seeds.size() > 1;
    table.rows.push_back({variant.name, cat(variant.seeds[0].payload_bytes, " B"),
                          percent(s.base.mean, several ? s.base.deviation : -1),
                          percent(s.fresh.mean, several ? s.fresh.deviation : -1),
                          percent(s.h, several ? s.h_deviation : -1),
                          variant.seeds[0].path.empty() ? "-" : duration(s.seconds.mean)});
  }
  return table;
}

Json protocol_json(const ProtocolResult& result) {
  Json out{{"protocol", "base-to-new"},           {"data", result.data},
           {"base_classes", result.base_classes}, {"new_classes", result.new_classes},
           {"base_images", result.base_images},   {"new_images", result.new_images},
           {"failed_images", result.failed}};
  for (const VariantResult& variant : result.variants) {
    const Summary s = summarise(variant);
    Json row{{"method", variant.name},
             {"payload_bytes", variant.seeds[0].payload_bytes},
             {"file_bytes", variant.seeds[0].file_bytes},
             {"base", spread_json(variant, &SeedResult::base)},
             {"new", spread_json(variant, &SeedResult::fresh)},
             {"h", {{"mean", s.h}, {"std", s.h_deviation}}},
             {"seconds", spread_json(variant, &SeedResult::seconds)}};
    for (const SeedResult& seed : variant.seeds) {
      row["seeds"].push_back({{"seed", seed.seed},
                              {"base", seed.base},
                              {"new", seed.fresh},
                              {"h", harmonic_mean(seed.base, seed.fresh)},
                              {"prompt", seed.path}});
    }
    out["methods"].push_back(std::move(row));
  }
  return out;
}

}  // namespace qprompt::cli
