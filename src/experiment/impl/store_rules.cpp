#include "experiment/impl/store_rules.h"

#include "qprompt/weights.h"

namespace qprompt {

std::string entry_id(const Entry& entry) {
  Digest digest;
  for (const std::string* text : {&entry.kind, &entry.label, &entry.dataset, &entry.training}) {
    digest.update_text(*text);
  }
  for (const WantedScore& score : entry.scores) digest.update_text(score.id);
  for (const std::string& blob : entry.blobs) digest.update_text(blob);
  return digest.hex();
}

CellOutcome describe_entry(const Entry& entry) {
  CellOutcome out;
  out.key = entry_id(entry);
  out.kind = entry.kind;
  out.label = entry.label;
  out.dataset = entry.dataset;
  out.shots = entry.shots;
  out.seed = entry.seed;
  out.bits = entry.bits;
  out.training = entry.training;
  return out;
}

void add_score(CellOutcome& cell, const WantedScore& wanted, ScoredList score) {
  score.dataset = wanted.dataset;
  score.half = wanted.half;
  score.epoch = wanted.epoch;
  (wanted.epoch < 0 ? cell.scores : cell.watched).push_back(std::move(score));
}

void check_blob_id(const std::string& id) {
  if (id.empty() || id == kExperimentsId) {
    fail(ErrorKind::kInternal, "'", id, "' is no id for bytes");
  }
}

void refuse_unknown(const std::string& experiment, const std::string& names,
                    const std::string& where) {
  std::string known;
  for (const char c : names) known += c == '\n' ? std::string(", ") : std::string(1, c);
  if (!known.empty()) known.resize(known.size() - 2);
  fail(ErrorKind::kUsage, where, " has no experiment '", experiment,
       "'; it has: ", known.empty() ? "none" : known);
}

}  // namespace qprompt
