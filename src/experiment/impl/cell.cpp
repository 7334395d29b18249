// The two identities, and the digests of lists that they are made of.
#include "experiment/cell.h"

#include <filesystem>

#include "base/numerics.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace {

std::string hex_of_text(const std::string& text) {
  Digest digest;
  digest.update_text(text);
  return digest.hex();
}

/// Whether the validation images of the draw decide the result.
bool validates(const Training& training) {
  return training.templates.empty() && training.fit.train.selection == Selection::kValidation;
}

std::string method_lines(const Training& training) {
  std::string text;
  const FitOptions& fit = training.fit;
  if (!training.templates.empty()) {
    text = "method=zero-shot\n";
    for (const auto& list : training.templates) {
      text += cat("templates=", list.size(), "\n");
      for (const std::string& one : list) text += "template=" + one + "\n";
    }
    return text + cat("exif-orientation=", fit.features.decode.exif_orientation, "\n");
  }
  return deciding_options(fit);
}

}  // namespace

DrawnList drawn_list(Split split) {
  DrawnList out;
  out.split = std::make_shared<const Split>(std::move(split));
  return out;
}

TestList test_list(const std::string& dataset, const Split& whole, Half half) {
  auto cut = std::make_shared<Split>(select_half(whole, half));
  for (auto* list : {&cut->train, &cut->val}) std::vector<Item>().swap(*list);
  return {dataset, std::move(cut), half, ""};
}

const std::string& kind_name(CellKind kind) {
  static const std::string kNames[] = {"images", "templates", "prompt"};
  return kNames[static_cast<size_t>(kind)];
}

std::string training_text(const Clip& clip, const Training& training) {
  return cat("numerics=", kNumerics, "\nmodel=", to_hex(clip.fingerprint()),
             "\ndtype=", training.fit.dtype, "\nlist=", training.drawn.digest, "\n",
             validates(training) ? "val=" + training.drawn.val_digest + "\n" : "",
             method_lines(training));
}

std::string training_id(const Clip& clip, const Training& training) {
  return hex_of_text("training 1\n" + training_text(clip, training));
}

std::string score_id(const std::string& training, int64_t epoch, const std::string& list,
                     const std::string& rule) {
  return hex_of_text(cat("score 1\ntraining=", training, "\nepoch=", epoch, "\nlist=", list,
                         "\nrule=", rule, "\nnumerics=", kNumerics, "\n"));
}

std::string prompt_id(const std::string& training) { return training + "/prompt"; }
std::string record_id(const std::string& training) { return training + "/record"; }
std::string weights_id(const std::string& training, int64_t epoch) {
  return cat(training, "/weights-", epoch);
}

}  // namespace qprompt
