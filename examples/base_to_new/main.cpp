// Base-to-new on a folder of images: CoOp and 1-bit QCoOp learn half of the classes and are scored
// on both halves, over three seeds.
//   base_to_new CLIP DATA
#include <iostream>

#include "base/runtime.h"
#include "experiment/matrix.h"

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: base_to_new CLIP DATA\n";
    return 2;
  }
  qprompt::configure_runtime(0);
  qprompt::Log log(std::cerr, /*quiet=*/false, /*bar=*/false);
  const qprompt::Clip clip = qprompt::Clip::load(argv[1], {});
  const qprompt::Split split = qprompt::load_split({.root = argv[2]}, log);

  qprompt::FitOptions fit;
  fit.train.epochs = 5;
  const auto planner =
      qprompt::matrix_planner(qprompt::base_to_new(split, {"coop", "qcoop"}, /*bits=*/1, fit), log);
  const auto store = qprompt::memory_store();  // or sqlite_store: then nothing is done twice
  qprompt::LogObserver observer(log);
  const qprompt::Results results = qprompt::run(clip, *planner, *store, {}, observer);
  for (const qprompt::CellOutcome& cell : results.cells) {
    if (cell.scores.size() < 2) continue;
    std::cout << cell_name(cell) << ": base " << cell.scores[0].accuracy() << " %, new "
              << cell.scores[1].accuracy() << " %, " << cell.payload_bytes << " bytes\n";
  }
} catch (const qprompt::Error& e) {
  std::cerr << "error: " << e.what() << '\n';
  return static_cast<int>(e.kind());
}
