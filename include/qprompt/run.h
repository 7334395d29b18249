// Room `run`: protocols, recipes, the runner and its database. Learned prompts are scored from the
// bytes of their files only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "qprompt/artifact.h"
#include "qprompt/base.h"
#include "qprompt/clip.h"
#include "qprompt/dataset.h"
#include "qprompt/eval.h"
#include "qprompt/features.h"
#include "qprompt/report.h"
#include "qprompt/train.h"

namespace qprompt {

/// A test list whose images are encoded: one pass serves every prompt, seed and method.
struct TestSet {
  Split split;  ///< cut to `half`
  Half half = Half::kAll;
  FeatureSet features;
  FeatureOptions options;  ///< how they were made; for prompts that change the features
};
/// Encodes the test images of a half; unreadable ones are left out, with a warning each. Throws
/// kContent when there are none.
TestSet open_test_set(const Clip& clip, const Split& split, Half half,
                      const FeatureOptions& features, Log& log);
/// Scores what a `.qprompt` file holds. A prompt of the image tower encodes the images anew. Throws
/// kContent when it belongs to another CLIP, or to other classes.
Score score_prompt(const Clip& clip, const TrainedPrompt& prompt, const TestSet& test);
/// Scores hand-written templates (zero-shot CLIP).
Score score_templates(const Clip& clip, const std::vector<std::string>& templates,
                      const TestSet& test);

/// How a prompt is had: "zero-shot", or a learner by itself ("coop", "cocoop", "maple", "ivlp",
/// "vpt", "deep-text"), quantized while training ("qcoop", …) or once after it ("coop-ptq", …).
const std::vector<std::string>& method_kinds();
/// Whether the kind has a number of bits.
bool stores_codes(const std::string& kind);
/// Sets what the kind decides in `fit` and returns its label: "QCoOp 1 bit". Throws kUsage on an
/// unknown kind or one that trains nothing, and on bits outside 1 … 8 where they matter.
std::string set_method(const std::string& kind, int64_t bits, FitOptions& fit);

/// A recipe to be run, and where everything is. Paths given here go before the recipe's own.
struct RunRequest {
  std::string recipe;    ///< TOML file (docs/recipes.md)
  std::string database;  ///< SQLite file; made when absent
  std::string out;       ///< folder of prompts and checkpoints; empty: DATABASE + ".runs"
  std::string clip, vocab, data, cache;  ///< empty: the recipe's
  std::string device = "cpu", dtype = "float32";
  int64_t threads = 0;  ///< of a cell; 0: the recipe's
  bool retry = false;   ///< try failed cells again
  /// The log of one cell; unset: a silent one.
  std::function<Log()> cell_log;
};

/// One cell of a recipe as it stands, and what it costs on this machine.
struct PlannedCell {
  std::string name;         ///< "QCoOp 1 bit, dtd, 16 shots, seed 1"
  std::string state;        ///< "waiting", "running", "done", "failed"
  int64_t encode = 0;       ///< images that are encoded unless the cache has them
  int64_t steps = 0;        ///< of training
  double seconds = -1;      ///< estimate from a measured probe; negative: unknown
  std::string unknown_why;  ///< why there is no estimate
};
/// The cells of a recipe with their cost; writes nothing.
std::vector<PlannedCell> plan_run(const RunRequest& request, Log& log);

/// What came of a run.
struct RunTotals {
  int64_t planned = 0, done = 0, failed = 0;
  std::vector<std::string> failures;  ///< "cell: error"
};
/// Works in this process until every cell of the recipe is done or failed, by whichever process.
/// Any number of processes may do so at once; a claim of one that died is taken over. Throws on
/// what concerns all cells (recipe, model, database); what concerns one is recorded with it.
RunTotals run_recipe(const RunRequest& request, Log& log);

/// The same with `jobs` processes side by side, each `worker` (program, arguments), which calls
/// `work_for_parent`. One that dies is replaced.
RunTotals run_side_by_side(const RunRequest& request, const std::vector<std::string>& worker,
                           int64_t jobs, Log& log);
/// The child's part: claims cells that its parent planned; ends with its parent.
void work_for_parent(const RunRequest& request, const std::string& invocation, Log& log);
/// Threads of a cell of this request: its own, else the recipe's.
int64_t cell_threads(const RunRequest& request);

/// The experiments of a database, or the one that is named (kUsage when there is none).
/// `published` names a file of published numbers in place of the recorded ones; empty: those.
std::vector<Experiment> read_results(const std::string& database, const std::string& experiment,
                                     const std::string& published);

}  // namespace qprompt
