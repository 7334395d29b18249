#include <iostream>
#include <nlohmann/json.hpp>

#include "base/aten.h"
#include "cli/app.h"
#include "qprompt/artifact.h"
#include "qprompt/eval.h"
#include "learner/learner.h"
#include "learner/texts.h"
#include "qprompt/weights.h"

namespace qprompt::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kImagesAtOnce = 16;
constexpr size_t kTextsAtOnce = 256;

struct EncodeCommand {
  ModelOptions model;
  std::vector<std::string> inputs;
  std::string out, prompt, labels;
  bool pixels = false;
  bool exif_orientation = false;
};

void write_features(const EncodeCommand& options, const Session& session,
                    std::map<std::string, at::Tensor> tensors, const Clip& clip) {
  const auto rows = tensors.at("features").size(0), width = tensors.at("features").size(1);
  write_safetensors(options.out, tensors, {{"fingerprint", to_hex(clip.fingerprint())}});
  print_result(session, {"", {"file", "rows", "width"}, {{options.out, cat(rows), cat(width)}}},
               Json{{"file", options.out}, {"rows", rows}, {"width", width}}.dump());
}

void encode_images(const EncodeCommand& options, const Session& session) {
  const at::NoGradGuard no_grad;
  Log log = make_log(session);
  const Clip clip = open_clip(options.model, session, log);
  DecodeOptions decode;
  decode.exif_orientation = options.exif_orientation;
  std::vector<at::Tensor> features, kept_pixels;
  const auto total = static_cast<int64_t>(options.inputs.size());
  for (int64_t begin = 0; begin < total; begin += kImagesAtOnce) {
    std::vector<at::Tensor> batch;  // each (3, R, R)
    for (int64_t i = begin; i < std::min(total, begin + kImagesAtOnce); ++i) {
      const Image image = read_image(options.inputs[static_cast<size_t>(i)], decode);
      batch.push_back(
          to_pixels(test_view(image, clip.config().image_size), clip.config().normalization));
    }
    const at::Tensor pixels = at::stack(batch);  // (B, 3, R, R)
    features.push_back(clip.encode_image(pixels).cpu());
    if (options.pixels) kept_pixels.push_back(pixels);
    log.progress("encoding images", std::min(total, begin + kImagesAtOnce), total);
  }
  std::map<std::string, at::Tensor> tensors{{"features", at::cat(features)}};  // (N, E)
  if (options.pixels) tensors["pixels"] = at::cat(kept_pixels);                // (N, 3, R, R)
  write_features(options, session, std::move(tensors), clip);
}

at::Tensor text_features(const Clip& clip, const std::vector<std::string>& texts) {
  std::vector<at::Tensor> features;
  for (size_t begin = 0; begin < texts.size(); begin += kTextsAtOnce) {
    const std::vector<std::string> some(
        texts.begin() + static_cast<std::ptrdiff_t>(begin),
        texts.begin() + static_cast<std::ptrdiff_t>(std::min(texts.size(), begin + kTextsAtOnce)));
    features.push_back(clip.encode_text(pack_texts(clip, some)).cpu());
  }
  return at::cat(features);  // (N, E)
}

void encode_texts(const EncodeCommand& options, const Session& session) {
  const at::NoGradGuard no_grad;
  Log log = make_log(session);
  if (options.prompt.empty() && options.inputs.empty()) {
    fail(ErrorKind::kUsage, "give texts to encode, or a learned prompt with --prompt and --labels");
  }
  if (!options.prompt.empty() && !options.inputs.empty()) {
    fail(ErrorKind::kUsage, "--prompt takes its classes from --labels, not from texts");
  }
  const Clip clip = open_clip(options.model, session, log);
  if (options.prompt.empty()) {
    return write_features(options, session, {{"features", text_features(clip, options.inputs)}},
                          clip);
  }
  const TrainedPrompt prompt = read_prompt(options.prompt);
  check_belongs(clip, prompt, options.prompt);
  const std::vector<std::string> names = options.labels.empty() && !prompt.class_names.empty()
                                             ? prompt.class_names
                                             : read_labels(options.labels);
  const PromptedClasses classes(clip, prompt, names);
  if (classes.image_prompts().learned.defined()) {
    log.warn(
        "this prompt has learned rows in the image tower too: its class features meet images "
        "that were encoded with them, which 'eval' and 'classify' do, and no others");
  }
  write_features(options, session, {{"features", classes.matrix()}}, clip);
}

struct TokenizeCommand {
  ModelOptions model;
  std::vector<std::string> texts;
};

void run_tokenize(const TokenizeCommand& options, const Session& session) {
  Log log = make_log(session);
  const Clip clip = open_clip(options.model, session, log);
  for (const std::string& text : options.texts) {
    const Json line{{"text", text},
                    {"ids", clip.tokenizer().encode_framed(text, clip.config().context_length)}};
    std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
}

}  // namespace

void add_encode(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("encode", "features of images or texts as safetensors");
  command->require_subcommand(1);
  auto image = std::make_shared<EncodeCommand>();
  CLI::App* images = command->add_subcommand("image", "image features, one row an argument");
  add_model_options(*images, image->model);
  images->add_option("--out", image->out, "the .safetensors file to write")->required();
  images->add_flag("--pixels", image->pixels, "add the normalised pixels as 'pixels'");
  images->add_flag("--exif-orientation", image->exif_orientation,
                   "turn images as their EXIF data says");
  images->add_option("images", image->inputs, "image files")->required();
  images->final_callback([image, &session] { encode_images(*image, session); });
  auto text = std::make_shared<EncodeCommand>();
  CLI::App* texts = command->add_subcommand("text", "text features, one row an argument or label");
  add_model_options(*texts, text->model);
  texts->add_option("--out", text->out, "the .safetensors file to write")->required();
  texts->add_option("--prompt", text->prompt, "a .qprompt file: its class matrix for --labels");
  texts->add_option("--labels", text->labels,
                    "classes: a file with one a line, or names with commas between");
  texts->add_option("texts", text->inputs, "texts");
  texts->final_callback([text, &session] { encode_texts(*text, session); });
}

void add_tokenize(CLI::App& app, Session& session) {
  auto options = std::make_shared<TokenizeCommand>();
  CLI::App* command =
      app.add_subcommand("tokenize", "token ids from start to end token, as JSON lines");
  add_model_options(*command, options->model);
  command->add_option("texts", options->texts, "texts")->required();
  command->final_callback([options, &session] { run_tokenize(*options, session); });
}

}  // namespace qprompt::cli
