// Learns a 1-bit prompt from a folder of images, and names what one image shows.
//   consumer CLIP DATA OUT IMAGE
#include <iostream>

#include "qprompt/qprompt.h"

int main(int argc, char** argv) try {
  if (argc != 5) {
    std::cerr << "usage: consumer CLIP DATA OUT IMAGE\n";
    return 2;
  }
  qprompt::configure_runtime(0);
  qprompt::Log log(std::cerr, /*quiet=*/false, /*bar=*/false);
  const qprompt::Clip clip = qprompt::Clip::load(argv[1], {});

  const qprompt::Split all = qprompt::load_split({.root = argv[2]}, log);
  const qprompt::Split few = qprompt::draw_few_shot(all, /*shots=*/4, /*seed=*/1, log);
  qprompt::FitOptions options;
  options.train.epochs = 5;
  options.shots = 4;
  options.out = argv[3];
  options.features.cache = "none";
  const qprompt::FitResult fit = qprompt::fit_prompt(clip, few, options, log);
  std::cout << "prompt: " << fit.file_bytes << " bytes\n";

  const qprompt::TrainedPrompt prompt = qprompt::read_prompt(fit.path);
  const qprompt::Classifier classifier(clip, prompt, few.class_names);
  for (const auto& answer : classifier.classify_file(argv[4], /*top=*/3, {})) {
    std::cout << answer.name << ' ' << answer.probability << '\n';
  }
} catch (const qprompt::Error& e) {
  std::cerr << "error: " << e.what() << '\n';
  return static_cast<int>(e.kind());
}
