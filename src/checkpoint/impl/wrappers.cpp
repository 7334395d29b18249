#include "checkpoint/impl/wrappers.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "checkpoint/impl/json_fields.h"
#include "qprompt/base.h"

namespace qprompt::checkpoint {
namespace {

/// Parts of a name that wrap a module, wherever in the name they stand.
constexpr std::array<std::string_view, 4> kWrappers{"_orig_mod", "module", "_fsdp_wrapped_module",
                                                    "_checkpoint_wrapped_module"};

/// "state_dict.module.visual._orig_mod.proj" → "state_dict.visual.proj".
std::string without_wrappers(const std::string& name) {
  std::string out;
  for (size_t at = 0; at <= name.size();) {
    const size_t dot = std::min(name.find('.', at), name.size());
    const std::string_view part = std::string_view(name).substr(at, dot - at);
    const bool last = dot == name.size();
    if (last || std::find(kWrappers.begin(), kWrappers.end(), part) == kWrappers.end()) {
      out.append(part);
      if (!last) out += '.';
    }
    at = dot + 1;
  }
  return out;
}

/// "module._orig_mod.visual.proj" → "module._orig_mod.": what wraps a whole model.
std::string leading_wrappers(const std::string& name) {
  size_t at = 0;
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', at)) {
    const std::string_view part = std::string_view(name).substr(at, dot - at);
    if (std::find(kWrappers.begin(), kWrappers.end(), part) == kWrappers.end()) break;
    at = dot + 1;
  }
  return name.substr(0, at);
}

/// Names without wrappers. Where the whole model is wrapped, what is not is the trainer's own
/// state.
void drop_wrappers(WeightStore& store) {
  std::string whole;
  for (const auto& [name, tensor] : store.tensors) {
    if (name.ends_with(kHfMark) || name.ends_with(kOpenAiMark)) whole = leading_wrappers(name);
  }
  std::map<std::string, at::Tensor> named;
  for (const auto& [name, tensor] : store.tensors) {
    if (!name.starts_with(whole)) continue;
    const std::string plain = without_wrappers(name);
    if (!named.emplace(plain, tensor).second) {
      fail(ErrorKind::kContent, store.source, ": ", plain, " comes twice, once as ", name);
    }
  }
  store.tensors = std::move(named);
}

/// What stands before the names of each model in a file, told by its token embeddings.
std::set<std::string> model_prefixes(const WeightStore& store) {
  std::set<std::string> prefixes;
  for (const auto& [name, tensor] : store.tensors) {
    for (const std::string_view mark : {kHfMark, kOpenAiMark}) {
      if (!name.ends_with(mark)) continue;
      std::string prefix = name.substr(0, name.size() - mark.size());
      // OpenCLIP's models of the kind CustomTextCLIP have their text tower below "text.".
      if (prefix.ends_with("text.") &&
          store.contains(prefix.substr(0, prefix.size() - 5) + "logit_scale")) {
        prefix.resize(prefix.size() - 5);
      }
      prefixes.insert(prefix);
      break;
    }
  }
  return prefixes;
}

/// Keeps the tensors under `prefix`, without it; the rest is the trainer's own state.
void strip_prefix(WeightStore& store, const std::string& prefix) {
  std::map<std::string, at::Tensor> kept;
  for (const auto& [name, tensor] : store.tensors) {
    if (name.starts_with(prefix)) kept[name.substr(prefix.size())] = tensor;
  }
  store.tensors = std::move(kept);
}

/// A name that only one kind of model has.
struct OtherKind {
  std::string_view fragment, name;
};

}  // namespace

void unwrap(WeightStore& store) {
  drop_wrappers(store);
  const std::set<std::string> prefixes = model_prefixes(store);
  if (prefixes.empty() || prefixes.contains("")) return;
  if (prefixes.size() > 1) {
    std::string list;
    for (const std::string& prefix : prefixes) list += "\n  " + prefix + "…";
    fail(ErrorKind::kContent, store.source,
         ": this file holds several models; save the one that is meant in a file of its own. Their "
         "names begin with:",
         list);
  }
  strip_prefix(store, *prefixes.begin());
}

bool is_open_clip_training(const WeightStore& store) {
  const auto has = [&](const std::string& prefix) {
    const auto found = store.tensors.lower_bound(prefix);
    return found != store.tensors.end() && found->first.starts_with(prefix);
  };
  return has("state_dict.") && has("optimizer.") && store.contains("epoch");
}

void refuse_other_kinds(const WeightStore& store) {
  constexpr std::array<OtherKind, 7> kKinds{{{"vision_model.head.probe", "SigLIP"},
                                             {"attn_pool.latent", "SigLIP"},
                                             {"attn.inner_attn_ln.", "EVA"},
                                             {"visual.rope.", "EVA"},
                                             {"attn.q_bias", "EVA"},
                                             {"image_encoder.model.", "MobileCLIP"},
                                             {"visual.trunk.stages.", "MobileCLIP"}}};
  for (const auto& [name, tensor] : store.tensors) {
    for (const OtherKind& kind : kKinds) {
      if (name.find(kind.fragment) == std::string::npos) continue;
      fail(ErrorKind::kContent, store.source, ": this is a ", kind.name, " (it has ", name,
           "), whose towers are of another kind than CLIP's and are not supported");
    }
  }
}

bool is_shard_index(const std::string& path) { return path.ends_with(".index.json"); }

WeightStore read_shards(const std::string& index) {
  const JsonFields root = JsonFields::read(index);
  const std::filesystem::path folder = std::filesystem::path(index).parent_path();
  std::map<std::string, std::set<std::string>> by_shard;
  for (const auto& [name, shard] : root.texts("weight_map")) {
    const bool inside = shard.find('/') == std::string::npos && shard != ".." && !shard.empty();
    if (!inside) root.wrong("weight_map", "the names of files beside it");
    by_shard[shard].insert(name);
  }
  WeightStore whole;
  whole.source = index;
  for (const auto& [shard, names] : by_shard) {
    const WeightStore part = read_weights((folder / shard).string());
    for (const std::string& name : names) {
      whole.tensors[name] = part.at(name);  // throws where the shard lacks it
    }
  }
  if (whole.tensors.empty()) root.wrong("weight_map", "at least one tensor");
  return whole;
}

}  // namespace qprompt::checkpoint
