// OpenAI's bare files carry no configuration: the shapes of the tensors tell everything.
#include <cmath>

#include "base/aten.h"
#include "checkpoint/impl/layouts.h"

namespace qprompt::checkpoint {
namespace {

/// One tensor that shows a size: axis `axis` of `name`, divided by `divisor`.
struct Witness {
  std::string name;
  int64_t axis = 0;
  int64_t divisor = 1;
};

/// The value that most witnesses agree on, 0 when none is there. A vote, because one altered tensor
/// would otherwise make all the others look wrong.
int64_t vote(const WeightStore& store, const std::vector<Witness>& witnesses) {
  std::map<int64_t, int> votes;
  int64_t best = 0;
  for (const Witness& w : witnesses) {
    const auto found = store.tensors.find(w.name);
    if (found == store.tensors.end() || found->second.dim() <= w.axis) continue;
    const int64_t value = found->second.size(w.axis) / w.divisor;
    if (++votes[value] > (best == 0 ? 0 : votes[best])) best = value;
  }
  return best;
}

/// 1 + the largest index N among names "<prefix>N.…"; 0 when there is none.
int64_t count_indexed(const WeightStore& store, const std::string& prefix) {
  int64_t count = 0;
  for (auto it = store.tensors.lower_bound(prefix);
       it != store.tensors.end() && it->first.rfind(prefix, 0) == 0; ++it) {
    int64_t index = 0;
    size_t i = prefix.size();
    for (; i < it->first.size() && std::isdigit(it->first[i]) && index < 1'000'000'000; ++i) {
      index = 10 * index + (it->first[i] - '0');
    }
    if (i > prefix.size()) count = std::max(count, index + 1);
  }
  return count;
}

/// Adds a fault when the file's own integer `name` says something else than the shapes.
void check_integer(const WeightStore& store, const char* name, int64_t value, std::string& faults) {
  const auto found = store.tensors.find(name);
  if (found == store.tensors.end()) return;
  const at::Tensor& tensor = found->second;
  if (tensor.numel() != 1 || tensor.is_complex()) {
    faults += cat("\n  ", name, " is not one number");
  } else if (const double said = tensor.to(at::kDouble).item<double>(); said != value) {
    faults += cat("\n  ", name, " is ", said, ", but the tensors' shapes say ", value);
  }
}

/// The integer `name` that OpenAI's archives carry, or `fallback`: lets a file that lacks the
/// tensor which shows this size still have all of its missing tensors listed.
int64_t integer_or(const WeightStore& store, const char* name, int64_t fallback) {
  const auto found = store.tensors.find(name);
  if (found == store.tensors.end() || found->second.numel() != 1 ||
      found->second.scalar_type() != at::kLong) {
    return fallback;
  }
  return found->second.item<int64_t>();
}

int64_t nonzero(int64_t value, int64_t fallback) { return value != 0 ? value : fallback; }

int64_t exact_root(int64_t square) {
  const auto root = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(square))));
  return root * root == square ? root : 0;
}

void infer_text(const WeightStore& store, Architecture& a) {
  ClipConfig& c = a.config;
  c.text_layers = count_indexed(store, "transformer.resblocks.");
  std::vector<Witness> width{{"ln_final.weight"},
                             {"ln_final.bias"},
                             {"token_embedding.weight", 1},
                             {"positional_embedding", 1},
                             {"text_projection", 0}};
  std::vector<Witness> mlp;
  for (int64_t i = 0; i < std::min<int64_t>(c.text_layers, 4); ++i) {
    const std::string block = cat("transformer.resblocks.", i, ".");
    width.push_back({block + "ln_1.weight"});
    mlp.push_back({block + "mlp.c_fc.bias"});
    mlp.push_back({block + "mlp.c_fc.weight"});
    mlp.push_back({block + "mlp.c_proj.weight", 1});
  }
  c.text_width = vote(store, width);
  a.text_mlp = nonzero(vote(store, mlp), 4 * c.text_width);
  c.text_heads = std::max<int64_t>(1, c.text_width / 64);
  c.context_length =
      nonzero(vote(store, {{"positional_embedding", 0}}), integer_or(store, "context_length", 77));
  c.vocab_size =
      nonzero(vote(store, {{"token_embedding.weight", 0}}), integer_or(store, "vocab_size", 49408));
}

/// Side of the grid that a positional table of `name` covers; 0, and a fault unless the table is
/// missing, when it covers none.
int64_t grid_of(const WeightStore& store, const std::string& name, std::string& faults) {
  const int64_t positions = vote(store, {{name, 0}});
  if (positions == 0) return 0;
  const int64_t grid = exact_root(positions - 1);
  if (grid == 0) {
    faults += cat("\n  ", name, " has ", positions, " rows, expected one more than a square");
  }
  return grid;
}

void infer_vit(const WeightStore& store, Architecture& a, std::string& faults) {
  ClipConfig& c = a.config;
  c.image_layers = count_indexed(store, "visual.transformer.resblocks.");
  std::vector<Witness> width{{"visual.conv1.weight", 0}, {"visual.class_embedding"},
                             {"visual.ln_post.weight"},  {"visual.positional_embedding", 1},
                             {"visual.ln_pre.weight"},   {"visual.proj", 0}};
  std::vector<Witness> mlp;
  for (int64_t i = 0; i < std::min<int64_t>(c.image_layers, 4); ++i) {
    const std::string block = cat("visual.transformer.resblocks.", i, ".");
    mlp.push_back({block + "mlp.c_fc.bias"});
    mlp.push_back({block + "mlp.c_fc.weight"});
    mlp.push_back({block + "mlp.c_proj.weight", 1});
  }
  c.image_width = vote(store, width);
  a.image_mlp = nonzero(vote(store, mlp), 4 * c.image_width);
  c.image_heads = std::max<int64_t>(1, c.image_width / 64);
  int64_t patch = vote(store, {{"visual.conv1.weight", 2}, {"visual.conv1.weight", 3}});
  int64_t grid = grid_of(store, "visual.positional_embedding", faults);
  const int64_t said = integer_or(store, "input_resolution", 0);
  if (patch == 0) patch = std::max<int64_t>(said / nonzero(grid, 1), 1);
  if (grid == 0) grid = std::max<int64_t>(said / patch, 1);
  c.patch_size = patch;
  c.image_size = grid <= 8192 && patch <= 8192 ? grid * patch : 0;
}

void infer_resnet(const WeightStore& store, Architecture& a, std::string& faults) {
  ClipConfig& c = a.config;
  c.image_kind = ImageTowerKind::kResNet;
  for (int stage = 0; stage < 4; ++stage) {
    c.resnet_layers[stage] = nonzero(count_indexed(store, cat("visual.layer", stage + 1, ".")), 1);
  }
  c.image_width = vote(store, {{"visual.layer1.0.conv1.weight", 0},
                               {"visual.conv3.weight", 0},
                               {"visual.bn3.weight", 0},
                               {"visual.attnpool.q_proj.bias", 0, 32}});
  c.image_heads = std::max<int64_t>(1, 32 * c.image_width / 64);
  const int64_t grid = grid_of(store, "visual.attnpool.positional_embedding", faults);
  c.image_size = grid != 0 ? 32 * grid : integer_or(store, "input_resolution", 224);
}

/// OpenAI's own files never say it; a converter may write "activation" into safetensors' metadata.
Activation read_activation(const WeightStore& store) {
  const auto found = store.metadata.find("activation");
  if (found == store.metadata.end() || found->second == "quick_gelu") {
    return Activation::kQuickGelu;
  }
  if (found->second == "gelu") return Activation::kGelu;
  fail(ErrorKind::kContent, store.source, ": metadata 'activation' is '", found->second,
       "', expected 'quick_gelu' or 'gelu'");
}

}  // namespace

Architecture infer_openai(const WeightStore& store, std::string& faults) {
  Architecture a;
  ClipConfig& c = a.config;
  infer_text(store, a);
  const bool resnet = store.contains("visual.attnpool.positional_embedding") ||
                      store.contains("visual.layer1.0.conv1.weight");
  const bool vit =
      store.contains("visual.positional_embedding") || store.contains("visual.conv1.weight");
  if (c.text_width == 0 || c.text_layers == 0 || !(resnet || vit)) {
    fail(ErrorKind::kContent, store.source, ": this is not a CLIP with OpenAI's names; expected ",
         "at least token_embedding.weight, positional_embedding, transformer.resblocks.*, and ",
         "visual.*; came ", store.tensors.size(), " tensors",
         store.tensors.empty() ? "" : ", the first being " + store.tensors.begin()->first);
  }
  if (resnet) {
    infer_resnet(store, a, faults);
  } else {
    infer_vit(store, a, faults);
  }
  c.embed_dim = nonzero(
      vote(store, {{"text_projection", 1},
                   {resnet ? "visual.attnpool.c_proj.weight" : "visual.proj", resnet ? 0 : 1},
                   {"visual.attnpool.c_proj.bias", 0}}),
      c.text_width);
  c.activation = read_activation(store);
  // OpenAI's own archives carry these numbers; others with its names may come from anywhere.
  c.activation_assumed = !store.contains("input_resolution") &&
                         store.metadata.find("activation") == store.metadata.end();
  check_integer(store, "input_resolution", c.image_size, faults);
  check_integer(store, "context_length", c.context_length, faults);
  check_integer(store, "vocab_size", c.vocab_size, faults);
  return a;
}

}  // namespace qprompt::checkpoint
