// Format version 2, read.
#include <algorithm>
#include <bit>
#include <cmath>

#include "artifact/impl/format.h"
#include "artifact/impl/reader.h"

namespace qprompt::artifact {
namespace {

constexpr size_t kMostOptions = 64;

struct Head {
  int form = 0;
  size_t form_at = 0, from = 0;
};

Head read_head(Reader& in, TrainedPrompt& prompt) {
  Head head;
  head.from = head.form_at = in.at();
  head.form = static_cast<int>(in.number(1, "the stored form"));
  prompt.position = static_cast<ClassPosition>(in.number(1, "the position"));
  prompt.half = static_cast<ClassSubset>(in.number(1, "the class subset"));
  prompt.bits = int64_t(in.number(1, "the bits"));
  prompt.depth = int64_t(in.number(1, "the depth"));
  prompt.n_ctx = int64_t(in.number(2, "n_ctx"));
  prompt.width = int64_t(in.number(2, "the width"));
  const std::string_view print = in.take(prompt.fingerprint.size(), "the fingerprint");
  std::copy(print.begin(), print.end(), prompt.fingerprint.begin());
  prompt.shots = int64_t(in.varint("the shots"));
  prompt.seed = in.varint("the seed", 10);
  const Method* method = find_form(head.form);
  if (method == nullptr && head.form != kOutsideForm) {
    in.refuse_at(head.form_at, cat("the stored form ", head.form,
                                   " is unknown; it may come from a newer qprompt"));
  }
  prompt.method = method == nullptr ? "" : method->word;
  return head;
}

void read_method(Reader& in, size_t size, TrainedPrompt& prompt) {
  const std::string word = in.text(size, "the method's word");
  if (word == prompt.method) in.refuse("the method's word is that of the stored form");
  prompt.method = word;
}

void read_options(Reader& in, size_t size, TrainedPrompt& prompt) {
  const size_t end = in.at() + size;
  if (size == 0 || size > in.left()) in.refuse(cat("options of ", size, " bytes"));
  while (in.at() < end) {
    if (prompt.settings.size() == kMostOptions) {
      in.refuse(cat("more than ", kMostOptions, " options"));
    }
    const std::string name = in.text("the name of an option");
    const size_t length = in.varint("the value of an option");
    prompt.settings.emplace_back(name,
                                 length == 0 ? "" : in.text(length, "the value of an option"));
  }
  if (in.at() != end) in.refuse(cat("the options should end at byte ", end));
}

void read_unseen(Reader& in, TrainedPrompt& prompt) {
  const uint64_t rule = in.number(1, "the rule for unseen classes");
  if (rule >= unseen_rules().size()) {
    in.refuse_at(in.at() - 1, cat("rule ", rule, " for unseen classes is unknown"));
  }
  prompt.unseen = static_cast<Unseen>(rule);
}

void read_temperature(Reader& in, TrainedPrompt& prompt) {
  const auto bits = static_cast<uint32_t>(in.number(4, "the temperature"));
  prompt.temperature = std::bit_cast<float>(bits);
  if (!std::isfinite(prompt.temperature) || prompt.temperature <= 0) {
    in.refuse_at(in.at() - 4, cat("the temperature is ", prompt.temperature));
  }
}

void read_features(Reader& in, StoredFeatures& features) {
  const size_t from = in.at();
  const uint64_t count = in.varint("the number of features");
  features.width = int64_t(in.varint("the width of the features"));
  if (count < 1 || features.width < 1 ||
      count > uint64_t(kMostValues) / static_cast<uint64_t>(features.width)) {
    in.refuse_at(from, cat(count, " features of ", features.width, " values"));
  }
  const size_t values = count * static_cast<size_t>(features.width);
  const std::string_view raw = in.take(2 * values, "the features");
  features.values.resize(values);
  for (size_t i = 0; i < values; ++i) {
    features.values[i] = from_half(static_cast<uint16_t>(little_endian(raw.substr(2 * i, 2))));
  }
  for (uint64_t i = 0; i < count; ++i) {
    features.labels.push_back(int64_t(in.varint("a feature's label")));
  }
  in.checked(from, [&] { check_features(features); });
}

void read_section(Reader& in, Section tag, size_t size, TrainedPrompt& prompt) {
  switch (tag) {
    case Section::kMethod:
      return read_method(in, size, prompt);
    case Section::kOptions:
      return read_options(in, size, prompt);
    case Section::kInitialWords:
      prompt.initial_words = in.text(size, "the initial words");
      return;
    case Section::kUnseen:
      return read_unseen(in, prompt);
    case Section::kTemperature:
      return read_temperature(in, prompt);
    case Section::kClassNames:
      prompt.class_names = read_class_names(in, size);
      return;
    case Section::kFeatures:
      return read_features(in, prompt.features);
    case Section::kDataset:
      prompt.dataset = in.text(size, "the data set's name");
      return;
    case Section::kBaseModel:
      prompt.base_model = in.text(size, "the base model's name");
      return;
    default:
      prompt.others.push_back({static_cast<uint8_t>(tag), std::string(in.take(size, "a section"))});
  }
}

void read_sections(Reader& in, TrainedPrompt& prompt) {
  uint64_t before = 0;
  while (in.left() > 0) {
    const size_t from = in.at();
    const uint64_t tag = in.number(1, "a section's tag");
    if (tag <= before) in.refuse_at(from, cat("section ", tag, " cannot follow section ", before));
    before = tag;
    if (tag > uint64_t(Section::kFeatures) && tag <= uint64_t(Section::kHarmless)) {
      in.refuse_at(from, cat("section ", tag,
                             " is not known here, and not marked as harmless; it "
                             "may come from a newer qprompt"));
    }
    const size_t size = in.varint("a section's length");
    if (size > in.left()) in.refuse(cat("a section of ", size, " bytes"));
    const size_t end = in.at() + size;
    read_section(in, static_cast<Section>(tag), size, prompt);
    if (in.at() != end) {
      in.refuse(cat("section ", tag, " should end at byte ", end));
    }
  }
}

}  // namespace

TrainedPrompt read_version_two(Reader& in, size_t tensors) {
  TrainedPrompt prompt;
  const Head head = read_head(in, prompt);
  prompt.tensors = read_tensors(in, tensors, 2);
  read_sections(in, prompt);
  if (prompt.method.empty()) {
    in.refuse_at(head.form_at, cat("the stored form ", kOutsideForm,
                                   " is of a method from outside, and its word is missing"));
  }
  in.checked(head.from, [&] { check_head(prompt); });
  if (prompt.row().stored_form != head.form) {
    in.refuse_at(head.form_at, cat("the method '", prompt.method, "' has the stored form ",
                                   prompt.row().stored_form, ", and the head says ", head.form));
  }
  return prompt;
}

}  // namespace qprompt::artifact
