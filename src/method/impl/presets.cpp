// The published recipes, by method. Dassl's common settings (SGD, momentum 0.9, weight decay 5e-4,
// cosine after one epoch at 1e-5, the last epoch stored) are the defaults of training. Every epoch
// of these recipes draws a new crop of each image: as many views as epochs.
#include "method/impl/rows.h"

namespace qprompt::method {
namespace {

const std::string kAny;

NamedTexts epochs(const std::string& count) { return {{"epochs", count}, {"views", count}}; }

NamedTexts joined(NamedTexts first, const NamedTexts& more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

/// A folder of one's own: short enough for a first look, the test view of each image.
Preset own(NamedTexts settings) {
  return {kAny, "own", kAny, kAny, std::move(settings), "this project's own, for a first look"};
}

std::vector<Preset> context_presets() {
  const std::string few = "KaiyangZhou/CoOp, COOP.md and scripts/coop/main.sh",
                    base = "KaiyangZhou/CoOp, scripts/cocoop/base2new_train.sh, vit_b16_ctxv1",
                    fifty = "KaiyangZhou/CoOp, vit_b16_ep50_ctxv1";
  const NamedTexts sixteen{{"n-ctx", "16"}, {"init", ""}};
  std::vector<Preset> out{{"base-to-new", kAny, "ViT-B/16", "16", epochs("200"), base},
                          {"base-to-new", "imagenet", "ViT-B/16", "16", epochs("50"), fifty},
                          {"cross-dataset", "imagenet", "ViT-B/16", "16", epochs("50"), fifty},
                          {"domain", "imagenet", "ViT-B/16", "16", epochs("50"), fifty},
                          {"few-shot", kAny, "RN50", kAny, joined(sixteen, epochs("200")), few},
                          {"few-shot", kAny, "RN50", "1", epochs("50"), few},
                          {"few-shot", kAny, "RN50", "2", epochs("100"), few},
                          {"few-shot", kAny, "RN50", "4", epochs("100"), few},
                          {"few-shot", "imagenet", "RN50", kAny, epochs("50"), few}};
  out.push_back(own({{"epochs", "50"}, {"batch", "32"}, {"lr", "0.002"}, {"views", "0"}}));
  return out;
}

std::vector<Preset> conditional_presets() {
  const std::string source = "KaiyangZhou/CoOp, vit_b16_c4_ep10_batch1_ctxv1";
  const NamedTexts ten = joined(epochs("10"), {{"batch", "1"}, {"lr", "0.002"}});
  return {{"base-to-new", kAny, "ViT-B/16", "16", ten, source},
          {"cross-dataset", "imagenet", "ViT-B/16", "16", ten, source},
          {"domain", "imagenet", "ViT-B/16", "16", ten, source},
          own({{"epochs", "10"}, {"batch", "1"}, {"lr", "0.002"}, {"views", "0"}})};
}

/// Of the methods that learn in both towers or in the image tower.
std::vector<Preset> deep_presets(const std::string& rate, const std::string& depth,
                                 const NamedTexts& more) {
  const std::string source = "muzairkhattak/multimodal-prompt-learning, configs/trainers";
  const NamedTexts base =
      joined(joined(epochs("5"), {{"batch", "4"}, {"lr", rate}, {"depth", depth}}), more);
  return {{"base-to-new", kAny, "ViT-B/16", "16", base, source},
          own({{"epochs", "5"}, {"batch", "4"}, {"lr", rate}, {"views", "0"}})};
}

std::vector<Preset> projected_presets() {
  const std::string source =
      "muzairkhattak/multimodal-prompt-learning, vit_b16_c2_ep5_batch4_2ctx_cross_datasets";
  const NamedTexts cross =
      joined(epochs("2"), {{"batch", "4"}, {"lr", "0.0026"}, {"depth", "3"}, {"n-ctx", "2"}});
  std::vector<Preset> out = deep_presets("0.0035", "9", {{"n-ctx", "2"}});
  out.insert(out.begin() + 1, {{"cross-dataset", "imagenet", "ViT-B/16", "16", cross, source},
                               {"domain", "imagenet", "ViT-B/16", "16", cross, source}});
  return out;
}

}  // namespace

void add_presets(std::vector<Method>& rows) {
  for (Method& row : rows) {
    if (row.learner == "context") row.presets = context_presets();
    if (row.learner == "conditional-context") row.presets = conditional_presets();
    if (row.learner != "deep") continue;
    const bool vision = row.reads == Reads::kPixels, text = row.learns_text;
    if (row.stored_form == 2) {
      row.presets = projected_presets();
    } else if (vision && text) {
      row.presets = deep_presets("0.0035", "12", {{"n-ctx", "2"}, {"vision-ctx", "2"}});
    } else {
      row.presets = deep_presets("0.0025", "12", {{"n-ctx", text ? "4" : "8"}});
    }
  }
}

}  // namespace qprompt::method
