#include "exchange/encode.h"
#include "base/files.h"
#include "cli/app.h"
#include "qprompt/artifact.h"
#include "qprompt/eval.h"
#include "qprompt/tokenizer.h"
#include "qprompt/weights.h"

namespace qprompt::cli {
namespace {

struct EncodeCommand {
  ModelOptions model;
  std::vector<std::string> inputs;
  std::string out, prompt, labels;
  bool pixels = false;
  bool exif_orientation = false;
};

/// Features with the names of their rows: files, texts or classes. The file itself does not hold
/// them: equal images give equal files, whatever they are called.
struct NamedFeatures {
  std::map<std::string, at::Tensor> tensors;
  const std::vector<std::string>& names;
};

void write_features(const EncodeCommand& options, const Session& session,
                    const NamedFeatures& features, const Clip& clip) {
  const auto& tensors = features.tensors;
  const auto rows = tensors.at("features").size(0), width = tensors.at("features").size(1);
  write_safetensors(options.out, tensors, {{"fingerprint", to_hex(clip.fingerprint())}});
  print_result(session, {"", {"file", "rows", "width"}, {{options.out, cat(rows), cat(width)}}},
               Json{{"file", options.out},
                    {"rows", rows},
                    {"width", width},
                    {"names", Json(features.names)}});
}

void encode_images(const EncodeCommand& options, const Session& session) {
  Log log = make_log(session);
  LogObserver observer(log);
  const Clip clip = open_clip(options.model, session, log);
  for (const std::string& input : options.inputs) check_not_same_file(input, options.out);
  DecodeOptions decode;
  decode.exif_orientation = options.exif_orientation;
  const EncodedImages images =
      encode_image_files(clip, options.inputs, decode, options.pixels, &observer);
  std::map<std::string, at::Tensor> tensors{{"features", images.features}};  // (N, E)
  if (options.pixels) tensors["pixels"] = images.pixels;                     // (N, 3, R, R)
  write_features(options, session, {std::move(tensors), options.inputs}, clip);
}

void encode_texts(const EncodeCommand& options, const Session& session) {
  Log log = make_log(session);
  if (options.prompt.empty() && options.inputs.empty()) {
    fail(ErrorKind::kUsage, "give texts to encode, or a learned prompt with --prompt and --labels");
  }
  if (!options.prompt.empty() && !options.inputs.empty()) {
    fail(ErrorKind::kUsage, "--prompt takes its classes from --labels, not from texts");
  }
  const Clip clip = open_clip(options.model, session, log);
  if (options.prompt.empty()) {
    return write_features(options, session,
                          {{{"features", encode_text_list(clip, options.inputs)}}, options.inputs},
                          clip);
  }
  const TrainedPrompt prompt = read_prompt(options.prompt);
  check_belongs(clip, prompt, options.prompt);
  const std::vector<std::string> names = choose_classes(options.labels, prompt.class_names, log);
  const PromptedClasses classes(clip, prompt, names);
  if (classes.image_prompts().learned.defined()) {
    log.warn(
        "this prompt has learned rows in the image tower too: its class features meet images "
        "that were encoded with them, which 'eval' and 'classify' do, and no others");
  }
  write_features(options, session, {{{"features", classes.matrix()}}, names}, clip);
}

struct TokenizeCommand {
  ModelOptions model;
  std::vector<std::string> texts;
};

void run_tokenize(const TokenizeCommand& options, const Session& session) {
  const auto print = [&](const Tokenizer& tokenizer, int64_t context_length) {
    for (const std::string& text : options.texts) {
      print_json_line({{"text", text}, {"ids", tokenizer.encode_framed(text, context_length)}});
    }
  };
  constexpr int64_t kClipVocabulary = 49408, kClipContext = 77;  // of every CLIP that was released
  if (options.model.clip.empty()) {
    return print(Tokenizer::load(options.model.vocab, kClipVocabulary), kClipContext);
  }
  Log log = make_log(session);
  const Clip clip = open_clip(options.model, session, log);
  print(clip.tokenizer(), clip.config().context_length);
}

}  // namespace

void add_encode(Command& program, Session& session) {
  Command& command = program.add_command("encode", "features of images or texts as safetensors");
  auto image = std::make_shared<EncodeCommand>();
  Command& images = command.add_command("image", "image features, one row an argument");
  add_model_options(images, image->model);
  images.add_text("out", "the .safetensors file to write", image->out).require();
  images.add_flag("pixels", "add the normalised pixels as 'pixels'", image->pixels);
  images.add_flag("exif-orientation", "turn images as their EXIF data says",
                  image->exif_orientation);
  images.add_argument("images", "image files", image->inputs).require();
  images.on_run([image, &session] { encode_images(*image, session); });
  auto text = std::make_shared<EncodeCommand>();
  Command& texts = command.add_command("text", "text features, one row an argument or label");
  add_model_options(texts, text->model);
  texts.add_text("out", "the .safetensors file to write", text->out).require();
  texts.add_text("prompt", "a .qprompt file: its class matrix for --labels", text->prompt);
  texts.add_text("labels", "classes: a file with one a line, or names with commas between",
                 text->labels);
  texts.add_argument("texts", "texts", text->inputs);
  texts.on_run([text, &session] { encode_texts(*text, session); });
}

void add_tokenize(Command& program, Session& session) {
  auto options = std::make_shared<TokenizeCommand>();
  Command& command =
      program.add_command("tokenize", "token ids from start to end token, as JSON lines");
  add_model_options(command, options->model, false);
  command.add_argument("texts", "texts", options->texts).require();
  command.on_run([options, &session] { run_tokenize(*options, session); });
}

}  // namespace qprompt::cli
