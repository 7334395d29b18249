// Checks a checkpoint's tensors and gives them OpenAI's names, shapes and float32.
#include <bit>
#include <set>

#include "base/aten.h"
#include "checkpoint/checkpoint.h"

namespace qprompt::checkpoint {
namespace {

/// Which tensors of the file make one canonical tensor: stacked along the first axis if several,
/// then transposed if so said.
struct Recipe {
  std::vector<std::pair<std::string, Shape>> pieces;
  bool transpose = false;
};

Recipe hf_block_recipe(const std::string& part, const std::string& prefix, const Shape& shape) {
  static const std::map<std::string, std::string> kNames{{"attn.out_proj.", "self_attn.out_proj."},
                                                         {"ln_1.", "layer_norm1."},
                                                         {"ln_2.", "layer_norm2."},
                                                         {"mlp.c_fc.", "mlp.fc1."},
                                                         {"mlp.c_proj.", "mlp.fc2."}};
  if (part.rfind("attn.in_proj_", 0) == 0) {
    Recipe recipe;
    Shape third = shape;
    third[0] /= 3;
    for (const char* name : {"q", "k", "v"}) {
      recipe.pieces.push_back({cat(prefix, "self_attn.", name, "_proj.", part.substr(13)), third});
    }
    return recipe;
  }
  const size_t dot = part.rfind('.') + 1;
  return {{{prefix + kNames.at(part.substr(0, dot)) + part.substr(dot), shape}}};
}

Recipe hf_recipe(const std::string& name, const Shape& shape) {
  static const std::map<std::string, std::string> kNames{
      {"logit_scale", "logit_scale"},
      {"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
      {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
      {"ln_final.weight", "text_model.final_layer_norm.weight"},
      {"ln_final.bias", "text_model.final_layer_norm.bias"},
      {"text_projection", "text_projection.weight"},
      {"visual.class_embedding", "vision_model.embeddings.class_embedding"},
      {"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"},
      {"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
      {"visual.ln_pre.weight", "vision_model.pre_layrnorm.weight"},  // spelled so in the files
      {"visual.ln_pre.bias", "vision_model.pre_layrnorm.bias"},
      {"visual.ln_post.weight", "vision_model.post_layernorm.weight"},
      {"visual.ln_post.bias", "vision_model.post_layernorm.bias"},
      {"visual.proj", "visual_projection.weight"}};
  if (const auto found = kNames.find(name); found != kNames.end()) {
    const bool projection = name == "text_projection" || name == "visual.proj";
    return {{{found->second, projection ? Shape{shape[1], shape[0]} : shape}}, projection};
  }
  const std::string blocks = "transformer.resblocks.";
  const size_t start = name.find(blocks) + blocks.size();
  const size_t dot = name.find('.', start) + 1;
  const std::string model = name[0] == 'v' ? "vision_model" : "text_model";
  const std::string prefix = model + ".encoder.layers." + name.substr(start, dot - start);
  return hf_block_recipe(name.substr(dot), prefix, shape);
}

/// Entries that real files carry besides weights: buffers with these names, and a module's
/// integers.
bool is_known_extra(const std::string& name, const at::Tensor& tensor) {
  static const std::set<std::string> kExtras{
      "position_ids",     "num_batches_tracked", "attn_mask", "causal_attention_mask",
      "input_resolution", "context_length",      "vocab_size"};
  if (tensor.dim() == 0 && at::isIntegralType(tensor.scalar_type(), true)) return true;
  const size_t dot = name.rfind('.');
  return kExtras.count(dot == std::string::npos ? name : name.substr(dot + 1)) != 0;
}

/// True when no value is NaN or infinite: both have an exponent of ones, so the largest magnitude
/// as bits tells, in one pass that allocates nothing.
bool all_finite(const at::Tensor& tensor) {
  const float* values = tensor.data_ptr<float>();
  uint32_t largest = 0;
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    largest = std::max(largest, std::bit_cast<uint32_t>(values[i]) & 0x7fffffffu);
  }
  return largest < 0x7f800000u;
}

/// What is wrong with a checkpoint, by kind.
struct TensorFaults {
  std::string missing, unexpected, shapes, values;
};

/// One tensor of the file as contiguous float32, or undefined with a fault noted.
at::Tensor take_piece(const WeightStore& store, const std::string& name, const Shape& shape,
                      TensorFaults& faults) {
  const auto found = store.tensors.find(name);
  if (found == store.tensors.end()) {
    faults.missing += cat("\n  ", name, " ", shape_text(shape));
    return {};
  }
  at::Tensor tensor = found->second;
  if (shape.empty() && tensor.dim() == 1 && tensor.numel() == 1) tensor = tensor.reshape({});
  if (tensor.sizes() != at::IntArrayRef(shape)) {
    faults.shapes += cat("\n  ", name, ": expected ", shape_text(shape), ", came ",
                         shape_text(tensor.sizes().vec()));
    return {};
  }
  if (!tensor.is_floating_point()) {
    faults.shapes += cat("\n  ", name, ": expected floating point, came ", tensor.scalar_type());
    return {};
  }
  const at::Tensor values = tensor.detach().to(at::kFloat).contiguous();
  if (!all_finite(values)) {
    faults.values += cat("\n  ", name);
    return {};
  }
  return values;
}

at::Tensor cook(const WeightStore& store, const Recipe& recipe, TensorFaults& faults) {
  std::vector<at::Tensor> pieces;
  for (const auto& [name, shape] : recipe.pieces) {
    pieces.push_back(take_piece(store, name, shape, faults));
  }
  for (const at::Tensor& piece : pieces) {
    if (!piece.defined()) return {};
  }
  const at::Tensor whole = pieces.size() == 1 ? pieces[0] : at::cat(pieces, 0);
  return recipe.transpose ? whole.t().contiguous() : whole;
}

[[noreturn]] void report(const Checkpoint& checkpoint, const TensorFaults& faults) {
  std::string text;
  if (!checkpoint.faults.empty()) text += "\ncontradictions:" + checkpoint.faults;
  if (!faults.missing.empty()) text += "\nmissing tensors:" + faults.missing;
  if (!faults.unexpected.empty()) text += "\nunexpected tensors:" + faults.unexpected;
  if (!faults.shapes.empty()) text += "\nwrongly shaped tensors:" + faults.shapes;
  if (!faults.values.empty()) text += "\ntensors that hold NaN or infinity:" + faults.values;
  fail(ErrorKind::kContent, checkpoint.store.source, ": this is not a CLIP that can be used;",
       " get the file anew, or convert it with all of its tensors.", text);
}

}  // namespace

Tensors canonicalise(Checkpoint checkpoint) {
  TensorFaults faults;
  Tensors weights;
  std::set<std::string> used;
  for (const auto& [name, shape] : canonical_shapes(checkpoint.architecture)) {
    const Recipe recipe = checkpoint.layout == Layout::kHuggingFace ? hf_recipe(name, shape)
                                                                    : Recipe{{{name, shape}}};
    weights[name] = cook(checkpoint.store, recipe, faults);
    for (const auto& piece : recipe.pieces) used.insert(piece.first);
  }
  for (const auto& [name, tensor] : checkpoint.store.tensors) {
    if (used.count(name) != 0 || is_known_extra(name, tensor)) continue;
    faults.unexpected += cat("\n  ", name, " ", shape_text(tensor.sizes().vec()));
    if (name == "logit_bias") faults.unexpected += " (models with a logit bias are not supported)";
  }
  if (!checkpoint.faults.empty() || !faults.missing.empty() || !faults.unexpected.empty() ||
      !faults.shapes.empty() || !faults.values.empty()) {
    report(checkpoint, faults);
  }
  return weights;
}

}  // namespace qprompt::checkpoint
