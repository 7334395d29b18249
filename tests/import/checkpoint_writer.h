// Checkpoints in the trainers' layout, written without torch: a state dictionary, the number of
// epochs, and a scheduler of a class that nobody here knows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qprompt/quant.h"
#include "weights/legacy_writer.h"

namespace qprompt::testing {

struct Entry {
  std::string name;
  std::vector<int32_t> sizes;
  std::vector<float> values = {};  ///< empty: as `pattern` has it
  bool half = true;
};

/// The same values as tests/data/checkpoints/make_checkpoints.py: every one is exactly a half.
inline std::vector<float> pattern(const std::string& name, int64_t count) {
  std::vector<float> out;
  for (int64_t i = 0; i < count; ++i) {
    out.push_back(float((29 * i + 7 * int64_t(name.size())) % 257 - 128) / 512);
  }
  return out;
}
inline std::vector<float> values_of(const Entry& entry) {
  int64_t count = 1;
  for (const int32_t size : entry.sizes) count *= size;
  return entry.values.empty() ? pattern(entry.name, count) : entry.values;
}

inline std::string raw_values(const Entry& entry) {
  const std::vector<float> values = values_of(entry);
  if (!entry.half) return bytes_of(values);
  std::vector<uint16_t> halves;
  for (const float value : values) halves.push_back(to_half(value));
  return bytes_of(halves);
}

enum class Format { kZip, kLegacy };

inline std::string checkpoint(const std::vector<Entry>& entries, Format format) {
  Pickle pickle;
  pickle.op("}(").text("state_dict").global("collections", "OrderedDict").op(")R(");
  std::vector<LegacyStorage> storages;
  for (const Entry& entry : entries) {
    const std::string key = std::to_string(storages.size());
    pickle.text(entry.name);
    // Both formats know a part behind the number of values, and zip archives leave it out.
    legacy_tensor(pickle, entry.half ? "HalfStorage" : "FloatStorage", key, entry.sizes,
                  format == Format::kZip ? "" : "N");
    storages.push_back({key, int64_t(values_of(entry).size()), raw_values(entry)});
  }
  pickle.op("u").text("epoch").integer(50).text("val_result").op("N").text("scheduler").op("}(");
  pickle.text("successor").global("torch.optim.lr_scheduler", "CosineAnnealingLR").op(")\x81}");
  pickle.text("T_max").integer(50).op("sbuu");
  if (format == Format::kLegacy) return legacy_head() + pickle.stop() + legacy_tail(storages);
  std::vector<ZipMember> members = {{"model/data.pkl", pickle.stop()}};
  for (const auto& storage : storages)
    members.push_back({"model/data/" + storage.key, storage.bytes});
  members.push_back({"model/version", "3\n"});
  return zip(members);
}

/// What each trainer saves, for a CLIP of the tiny oracle's widths: D 128, W 192, E 32.
inline std::vector<Entry> coop(int32_t n_ctx = 4) {
  return {
      {"ctx", {n_ctx, 128}}, {"token_prefix", {3, 1, 128}}, {"token_suffix", {3, 76 - n_ctx, 128}}};
}
inline std::vector<Entry> class_specific() { return {{"ctx", {3, 2, 128}}}; }
inline std::vector<Entry> kgcoop() {
  std::vector<Entry> out = coop();
  out.push_back({"bias_vectors", {1, 128}});
  out.push_back({"meta_net.linear1.weight", {128, 128}});
  out.push_back({"meta_net.linear1.bias", {128}});
  return out;
}
inline std::vector<Entry> cocoop() {
  std::vector<Entry> out = coop();
  out.push_back({"meta_net.linear1.weight", {2, 32}});
  out.push_back({"meta_net.linear1.bias", {2}});
  out.push_back({"meta_net.linear2.weight", {128, 2}});
  out.push_back({"meta_net.linear2.bias", {128}});
  return out;
}
inline std::vector<Entry> maple() {
  const std::string p = "prompt_learner.", d = p + "compound_prompt_projections.0.";
  return {{p + "ctx", {2, 128}},
          {p + "proj.weight", {192, 128}},
          {p + "proj.bias", {192}},
          {p + "compound_prompts_text.0", {2, 128}, {}, false},
          {d + "weight", {192, 128}, {}, false},
          {d + "bias", {192}, {}, false},
          {"image_encoder.proj", {192, 32}},
          {"text_encoder.text_projection", {128, 32}},
          {"logit_scale", {1}}};
}
/// Rows in the image tower, and with `text` in the text tower too (PromptSRC, IVLP).
inline std::vector<Entry> independent(bool text, bool image) {
  std::vector<Entry> out = {{"text_encoder.text_projection", {128, 32}}};
  if (text) {
    out.push_back({"prompt_learner.ctx", {4, 128}});
    out.push_back({"text_encoder.transformer.resblocks.1.VPT_shallow", {4, 128}});
    out.push_back({"prompt_learner.ZS_image_encoder.proj", {192, 32}});
  }
  if (image) {
    out.push_back({"image_encoder.VPT", {4, 192}});
    out.push_back({"image_encoder.transformer.resblocks.1.VPT_shallow", {4, 192}});
  }
  return out;
}

}  // namespace qprompt::testing
