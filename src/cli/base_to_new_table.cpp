#include "cli/base_to_new_table.h"

#include <filesystem>

#include "base/statistics.h"

namespace qprompt::cli {
namespace {

using Json = JsonValue;

/// One method over the seeds that are done.
struct MethodRow {
  std::string label;
  std::vector<const CellOutcome*> cells;
  std::vector<std::string> folders;

  bool learned() const { return cells[0]->kind == "prompt"; }
};

std::vector<MethodRow> rows_of(const BaseToNew& run) {
  std::vector<MethodRow> rows;
  for (size_t i = 0; i < run.results.cells.size(); ++i) {
    const CellOutcome& cell = run.results.cells[i];
    if (cell.state != CellState::kDone || cell.scores.size() < 2) continue;
    if (rows.empty() || rows.back().label != cell.label) rows.push_back({cell.label, {}, {}});
    rows.back().cells.push_back(&cell);
    rows.back().folders.push_back(i < run.folders.size() ? run.folders[i] : "");
  }
  return rows;
}

/// Means over seeds; H is the harmonic mean of the means, its ± that of the seeds' own H.
struct RowSummary {
  Spread base, fresh, h, seconds;
};

RowSummary summary_of(const MethodRow& row) {
  std::vector<double> base, fresh, seconds;
  for (const CellOutcome* cell : row.cells) {
    base.push_back(cell->scores[0].accuracy());
    fresh.push_back(cell->scores[1].accuracy());
    seconds.push_back(cell->seconds);
  }
  return {spread(base), spread(fresh), harmonic_spread(base, fresh), spread(seconds)};
}

Json spread_json(const Spread& spread) {
  return {{"mean", spread.mean}, {"std", spread.deviation}};
}

std::string title_of(const BaseToNew& run, const std::vector<MethodRow>& rows) {
  if (rows.empty()) return run.data + ": base-to-new";
  const ScoredList& base = rows[0].cells[0]->scores[0];
  const ScoredList& fresh = rows[0].cells[0]->scores[1];
  return cat(run.data, ": base-to-new, ", base.classes->size(), " base and ", fresh.classes->size(),
             " new classes, ", base.total, " + ", fresh.total, " test images");
}

Json row_json(const MethodRow& row) {
  const RowSummary s = summary_of(row);
  Json out{{"method", row.label},
           {"payload_bytes", row.cells[0]->payload_bytes},
           {"file_bytes", row.cells[0]->file_bytes},
           {"base", spread_json(s.base)},
           {"new", spread_json(s.fresh)},
           {"h", spread_json(s.h)},
           {"seconds", spread_json(s.seconds)}};
  for (size_t i = 0; i < row.cells.size(); ++i) {
    const CellOutcome& cell = *row.cells[i];
    const double base = cell.scores[0].accuracy(), fresh = cell.scores[1].accuracy();
    const std::string& folder = row.folders[i];
    out["seeds"].push_back(
        {{"seed", cell.seed},
         {"base", base},
         {"new", fresh},
         {"h", harmonic_mean(base, fresh)},
         {"training", cell.training},
         {"prompt", folder.empty() ? std::string()
                                   : (std::filesystem::path(folder) / "prompt.qprompt").string()}});
  }
  return out;
}

}  // namespace

Table base_to_new_table(const BaseToNew& run) {
  const std::vector<MethodRow> rows = rows_of(run);
  Table table{title_of(run, rows), {"method", "payload", "base %", "new %", "H %", "seconds"}, {}};
  for (const MethodRow& row : rows) {
    const RowSummary s = summary_of(row);
    const bool several = row.cells.size() > 1;
    const auto shown = [&](const Spread& value) {
      return percent(value.mean, several ? value.deviation : -1);
    };
    table.rows.push_back({row.label, cat(row.cells[0]->payload_bytes, " B"), shown(s.base),
                          shown(s.fresh), shown(s.h),
                          row.learned() ? duration(s.seconds.mean) : "-"});
  }
  return table;
}

Json base_to_new_json(const BaseToNew& run) {
  Json out{{"protocol", "base-to-new"}, {"data", run.data}};
  const std::vector<MethodRow> rows = rows_of(run);
  if (!rows.empty()) {
    const ScoredList& base = rows[0].cells[0]->scores[0];
    const ScoredList& fresh = rows[0].cells[0]->scores[1];
    out["base_classes"] = base.classes->size();
    out["new_classes"] = fresh.classes->size();
    out["base_images"] = base.total;
    out["new_images"] = fresh.total;
    out["failed_images"] = base.failed + fresh.failed;
  }
  for (const MethodRow& row : rows) out["methods"].push_back(row_json(row));
  return out;
}

}  // namespace qprompt::cli
