// One page: what was asked, each part with its words, table and figures.
#include "qprompt/version.h"
#include "report/impl/study_figures.h"
#include "report/impl/study_summary.h"
#include "report/page.h"
#include "report/study.h"

namespace qprompt {
namespace {

using namespace study;

/// What a part shows and how it was made, for any data; what the paper saw is said as the paper's.
struct Words {
  const char *title, *text;
};
Words words_of(StudyPart part) {
  switch (part) {
    case StudyPart::kNoise:
      return {"Noise as a regularizer",
              "CoOp, float, with fresh Gaussian noise N(0, s²) on its context at every step. The "
              "prompt that is scored is the clean one. s is absolute; the table gives it also in "
              "units of σ, the deviation of the context's values before training. The paper saw "
              "s = 0.1 ruin the adaptation, s = 0.001 do nothing, and s = 0.01 raise the accuracy "
              "on new classes at little cost on base ones."};
    case StudyPart::kWeights:
      return {"Weights over training",
              "The float values of CoOp's context at stages of its training. KL compares a stage's "
              "histogram (40 bins, half a count added to each) with that of the row above, of the "
              "values and of their shape, (W − μ) / σ; distance is that to the row above relative "
              "to its norm. The paper saw a shape that hardly changes, a variance that grows fast "
              "at first, almost no outliers, and neighbouring stages that differ little."};
    case StudyPart::kAblation:
      return {"Ablation of the quantizer",
              "Quantization while training. k-means only fits the centres to the values as they "
              "are, at every step; + normalisation fits them to (W − μ) / σ; + adaptive schedule "
              "fits them seldom (constrained adaptive clustering). Fits counts how often centres "
              "were fitted. Optimal k-means of one dimension does not depend on shift and scale, "
              "so while centres are fitted at every step normalisation can change nothing but "
              "rounding; it may matter where centres stay, which the other rows show. The paper's "
              "ladder is 75.50, 75.85, 76.07 in H over eleven data sets."};
    case StudyPart::kAware:
      return {"Quantized while training, or after it",
              "The same prompt quantized at every training step, or once when training is over. "
              "The paper reports H 76.31 against 74.73."};
    case StudyPart::kBits:
      return {"Bits",
              "QCoOp by bits of a stored value; payload is what the codes and the codebook take. "
              "The paper reports H 75.92, 75.91 and 75.76 at 1, 2 and 4 bits."};
    case StudyPart::kSchedule:
      return {"Adaptive schedule",
              "A fit is considered when at least t steps have passed since the last one, and made "
              "when the divergence of the codes is above T_KL. The paper does not state its t and "
              "T_KL."};
  }
  return {"", ""};
}

std::string joined(const std::vector<uint64_t>& numbers) {
  std::string text;
  for (const uint64_t n : numbers) text += cat(text.empty() ? "" : ", ", n);
  return text;
}

std::string opening(const StudyResult& result) {
  const std::string shots =
      result.shots == 0 ? "all images" : cat(result.shots, result.shots == 1 ? " shot" : " shots");
  std::string out = html_paragraph(
      cat("Data: ", result.title, ", trained on ", result.base_classes, " base classes, tested on ",
          result.base_images, " images of these and ", result.new_images, " of ",
          result.new_classes, " new classes. ", shots, ", ", result.epochs, " epochs, batches of ",
          result.batch, ", seeds ", joined(result.seeds), ". CLIP ", result.fingerprint,
          ", qprompt ", kVersion, "."));
  out += html_paragraph(
      "Accuracy in percent, mean ± population standard deviation over the seeds. H is the harmonic "
      "mean of the mean base and new accuracies, its ± comes from the seeds' own H. Every accuracy "
      "is that of the bytes of a .qprompt file.");
  std::string links;
  for (const StudyPart part : result.parts) {
    links +=
        cat(links.empty() ? "" : " · ", "<a href=\"#",
            study_part_names()[static_cast<size_t>(part)], "\">", words_of(part).title, "</a>");
  }
  return out + "<p>" + links + "</p>\n";
}

}  // namespace

std::string study_html(const StudyResult& result,
                       const std::vector<std::pair<std::string, std::string>>& facts) {
  const std::vector<Table> tables = study_tables(result);
  std::string sections;
  for (size_t i = 0; i < result.parts.size(); ++i) {
    const StudyPart part = result.parts[i];
    sections += cat("<section id=\"", study_part_names()[static_cast<size_t>(part)], "\">\n<h2>",
                    words_of(part).title, "</h2>\n", html_paragraph(words_of(part).text),
                    "<div class=\"figures\">\n", figures_of(result, part), "</div>\n",
                    html_table(tables[i]), "</section>\n");
  }
  return html_page({"A study of quantized prompts: " + result.title, facts},
                   opening(result) + sections);
}

}  // namespace qprompt
