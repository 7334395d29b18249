// Format version 1: what was written until version 2 came. It is read for ever and never written.
#include <algorithm>

#include "artifact/impl/format.h"
#include "artifact/impl/reader.h"

namespace qprompt::artifact {
namespace {

TrainedPrompt read_first_head(Reader& in, bool& class_specific) {
  TrainedPrompt prompt;
  const size_t from = in.at();
  const auto form = static_cast<int>(in.number(1, "the method"));
  const Method* method = form <= 5 ? find_form(form) : nullptr;  // the forms of version 1
  if (method == nullptr) in.refuse_at(from, cat("prompt method ", form, " is unknown"));
  prompt.method = method->word;
  prompt.position = static_cast<ClassPosition>(in.number(1, "the position"));
  prompt.half = static_cast<ClassSubset>(in.number(1, "the class subset"));
  const uint64_t specific = in.number(1, "the class-specific flag");
  if (specific > 1) in.refuse_at(in.at() - 1, cat("the flag is ", specific, "; 0 or 1 expected"));
  class_specific = specific == 1;
  prompt.bits = int64_t(in.number(1, "the bits"));
  prompt.depth = int64_t(in.number(1, "the depth"));
  prompt.n_ctx = int64_t(in.number(2, "n_ctx"));
  prompt.width = int64_t(in.number(2, "the width"));
  prompt.shots = int64_t(in.number(4, "the shots"));
  prompt.seed = in.number(8, "the seed");
  const std::string_view print = in.take(prompt.fingerprint.size(), "the fingerprint");
  std::copy(print.begin(), print.end(), prompt.fingerprint.begin());
  in.checked(from, [&] { check_head(prompt); });
  return prompt;
}

/// What version 1 left to the flag and to the number and the shape of the tensors.
void find_settings(TrainedPrompt& prompt, bool class_specific) {
  const MethodOptions listed(prompt.row());
  if (class_specific) prompt.settings.emplace_back("class-specific", "true");
  if (!listed.has("vision-depth")) return;
  int64_t blocks = 0, rows = 1;  // of the image tower
  for (const StoredTensor& tensor : prompt.tensors) {
    if (tensor.name.rfind("vision.", 0) != 0) continue;
    if (blocks++ == 0) rows = tensor.shape.front();
  }
  prompt.settings.emplace_back("vision-ctx", cat(rows));
  prompt.settings.emplace_back("vision-depth", cat(std::max<int64_t>(1, blocks)));
}

void read_first_sections(Reader& in, TrainedPrompt& prompt) {
  uint64_t before = 0;
  while (in.left() > 0) {
    const size_t from = in.at();
    const uint64_t tag = in.number(1, "a section's tag");
    if (tag <= before) in.refuse_at(from, cat("section ", tag, " cannot follow section ", before));
    before = tag;
    const size_t size = in.varint("a section's length");
    switch (static_cast<SectionOfOne>(tag)) {
      case SectionOfOne::kInitialWords:
        prompt.initial_words = in.text(size, "the initial words");
        break;
      case SectionOfOne::kDataset:
        prompt.dataset = in.text(size, "the data set's name");
        break;
      case SectionOfOne::kClassNames:
        prompt.class_names = read_class_names(in, size);
        break;
      default:
        in.refuse_at(from, cat("section ", tag, " does not exist in format version 1"));
    }
  }
}

}  // namespace

TrainedPrompt read_version_one(Reader& in, size_t tensors) {
  bool class_specific = false;
  TrainedPrompt prompt = read_first_head(in, class_specific);
  prompt.tensors = read_tensors(in, tensors, 1);
  find_settings(prompt, class_specific);
  read_first_sections(in, prompt);
  return prompt;
}

}  // namespace qprompt::artifact
