#include "exchange/impl/import_checks.h"

#include "base/aten.h"

namespace qprompt {
namespace {

[[noreturn]] void other_clip(const ImportOptions& options, const std::string& found,
                             const std::string& expected) {
  fail(ErrorKind::kContent, "'", options.checkpoint, "': ", found, ", and ", expected,
       "; give the CLIP that the prompt was trained on with --clip");
}

/// A learned tensor of the image tower, this wide.
void check_image_tower(const TrainerCheckpoint& found, const ClipConfig& clip,
                       const ImportOptions& options, const std::string& name, int64_t width) {
  if (clip.image_kind != ImageTowerKind::kVit) {
    fail(ErrorKind::kContent, "'", options.checkpoint, "': a ", find_method(found.method).label,
         " prompt has rows in the image tower, and that of '", options.clip_name,
         "' is a ResNet, which takes none; give the ViT that it was trained on with --clip");
  }
  if (width != clip.image_width) {
    other_clip(options, cat("the width of '", name, "' is ", width),
               cat("the image tower's width of '", options.clip_name, "' is ", clip.image_width));
  }
}

}  // namespace

void check_sizes(const TrainerCheckpoint& found, const ClipConfig& clip,
                 const ImportOptions& options) {
  const std::string of = cat(" of '", options.clip_name, "' is ");
  int64_t image_depth = 0, projections = 0;
  for (const auto& [name, source, values] : found.tensors) {
    const bool image = name.starts_with("vision."), weight = name.ends_with(".weight");
    image_depth += image ? 1 : 0;
    if (image) check_image_tower(found, clip, options, source, values.size(1));
    if (name.starts_with("proj.") && weight) {
      ++projections;
      check_image_tower(found, clip, options, source, values.size(0));
    }
    if (name == "meta.1.weight" && values.size(1) != clip.embed_dim) {
      other_clip(options, cat("the input of 'meta_net' is ", values.size(1)),
                 cat("the joint width", of, clip.embed_dim));
    }
  }
  if (found.width != 0 && found.width != clip.text_width) {
    other_clip(options, cat("the width of 'ctx' is ", found.width),
               cat("the text tower's width", of, clip.text_width));
  }
  if (find_method(found.method).learns_text && found.depth > clip.text_layers) {
    other_clip(options, cat("the prompt's depth is ", found.depth),
               cat("the depth of the text tower", of, clip.text_layers));
  }
  image_depth = std::max(image_depth, projections);
  if (image_depth > clip.image_layers) {
    other_clip(options, cat("the prompt's depth in the image tower is ", image_depth),
               cat("that of the tower", of, clip.image_layers));
  }
}

void check_backbone(const TrainerLog& log, const ClipConfig& clip, const ImportOptions& options,
                    Findings& findings) {
  const auto name = log.get("MODEL.BACKBONE.NAME");
  if (!name || (!name->starts_with("ViT-") && !name->starts_with("RN"))) return;
  const bool vit = name->starts_with("ViT-");
  const size_t slash = name->find('/');
  const std::string patch = slash == name->npos ? "" : name->substr(slash + 1);
  const bool other = vit != (clip.image_kind == ImageTowerKind::kVit) ||
                     (vit && patch != cat(clip.patch_size) &&
                      patch != cat(clip.patch_size, "@", clip.image_size, "px"));
  if (!other) return;
  findings.push_back({"other-model", cat("'", log.path, "' says that the model was ", *name,
                                         ", and '", options.clip_name, "' is another one")});
}

}  // namespace qprompt
