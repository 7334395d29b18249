#include "checkpoint/impl/preprocess.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include "qprompt/base.h"

namespace qprompt::checkpoint {
namespace {

namespace fs = std::filesystem;

/// CLIP's image processors under their several names.
void check_processor(const JsonFields& fields) {
  for (const char* key : {"image_processor_type", "feature_extractor_type"}) {
    const std::string name = fields.text(key, "CLIPImageProcessor");
    const bool known = name == "CLIPImageProcessor" || name == "CLIPImageProcessorFast" ||
                       name == "CLIPFeatureExtractor" || name == "CLIPImageProcessorPil";
    if (!known) fields.wrong(key, "'CLIPImageProcessor'");
  }
}

/// Steps that CLIP's processor does not know must be off.
void refuse_other_steps(const JsonFields& fields) {
  constexpr std::array<std::string_view, 5> kKnown{"do_resize", "do_center_crop", "do_rescale",
                                                   "do_normalize", "do_convert_rgb"};
  for (const std::string& key : fields.keys()) {
    const bool known = std::find(kKnown.begin(), kKnown.end(), key) != kKnown.end();
    if (key.starts_with("do_") && !known && fields.flag(key, false)) {
      fields.wrong(key, "false: this step is not supported");
    }
  }
}

/// `size`: a number or {"shortest_edge"} keeps a picture's shape, {"height", "width"} does not.
void read_resize(const JsonFields& fields, ClipConfig& config) {
  const int64_t size = config.image_size;
  const bool cropped = fields.flag("do_center_crop", true);
  if (!fields.flag("do_resize", true)) {
    fields.wrong("do_resize", "true: pictures that are not resized do not fit the model");
  }
  if (cropped && fields.side("crop_size", size) != size) {
    fields.wrong("crop_size", cat(size, ", the image size in config.json"));
  }
  const int64_t side = fields.side("size", size);
  if (fields.is_height_and_width("size")) {
    if (side != size) fields.wrong("size", cat(size, ", the image size in config.json"));
    config.transform.squash = true;
  } else {
    if (side < size) fields.wrong("size", cat("at least ", size, ", the image size"));
    if (!cropped) {
      fields.wrong("do_center_crop",
                   "true: without it, pictures that are not square do not fit the model");
    }
    config.transform.shorter_side = side == size ? 0 : side;
  }
}

/// The numbers of Pillow's filters.
Resampling read_resampling(const JsonFields& fields) {
  const int64_t number = fields.integer("resample", static_cast<int64_t>(Resampling::kBicubic));
  if (number < 0 || number > static_cast<int64_t>(Resampling::kHamming)) {
    fields.wrong("resample", "the number of one of Pillow's filters, 0 to 5");
  }
  return static_cast<Resampling>(number);
}

void read_numbers(const JsonFields& fields, Normalization& normalization) {
  if (fields.flag("do_rescale", true)) {
    const double factor = fields.number("rescale_factor", 1.0 / 255.0);
    if (!(factor > 1e-9 && factor < 1e9)) fields.wrong("rescale_factor", "a number above 0");
    const bool usual = std::abs(factor * 255.0 - 1.0) < 1e-6;
    normalization.divisor = usual ? 255.0 : 1.0 / factor;
  } else {
    normalization.divisor = 1.0;
  }
  if (fields.flag("do_normalize", true)) {
    normalization.mean = fields.channels("image_mean", normalization.mean);
    normalization.std = fields.channels("image_std", normalization.std);
  } else {
    normalization.mean = {0, 0, 0};
    normalization.std = {1, 1, 1};
  }
}

void take_hf_settings(const JsonFields& fields, ClipConfig& config) {
  check_processor(fields);
  refuse_other_steps(fields);
  read_resize(fields, config);
  config.transform.resampling = read_resampling(fields);
  read_numbers(fields, config.normalization);
}

}  // namespace

void read_hf_preprocessor(const std::string& folder, ClipConfig& config) {
  const fs::path nested = fs::path(folder) / "processor_config.json";
  const fs::path own = fs::path(folder) / "preprocessor_config.json";
  std::error_code error;
  if (fs::exists(nested, error)) {
    const JsonFields processor = JsonFields::read(nested.string());
    if (processor.has("image_processor")) {
      return take_hf_settings(processor.object("image_processor"), config);
    }
  }
  if (fs::exists(own, error)) take_hf_settings(JsonFields::read(own.string()), config);
}

void read_open_clip_preprocessor(const JsonFields& fields, ClipConfig& config) {
  config.normalization.mean = fields.channels("mean", config.normalization.mean);
  config.normalization.std = fields.channels("std", config.normalization.std);
  if (fields.side("size", config.image_size) != config.image_size) {
    fields.wrong("size", cat(config.image_size, ", the image size in model_cfg"));
  }
  if (fields.text("mode", "RGB") != "RGB") fields.wrong("mode", "'RGB'");
  const std::string filter = fields.text("interpolation", "bicubic");
  if (filter == "bilinear") {
    config.transform.resampling = Resampling::kBilinear;
  } else if (filter != "bicubic" && filter != "random") {  // random is of training
    fields.wrong("interpolation", "'bicubic' or 'bilinear'");
  }
  const std::string mode = fields.text("resize_mode", "shortest");
  if (mode != "shortest" && mode != "squash") {
    fields.wrong("resize_mode", "'shortest' or 'squash': others are not supported");
  }
  config.transform.squash = mode == "squash";
}

}  // namespace qprompt::checkpoint
