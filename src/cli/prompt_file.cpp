#include <cmath>
#include <iostream>

#include "base/aten.h"
#include "base/text.h"
#include "cli/app.h"
#include "qprompt/eval.h"
#include "qprompt/quant.h"
#include "qprompt/weights.h"

namespace qprompt::cli {
namespace {

struct QuantizeCommand {
  std::string in, out;
  QuantizerOptions quantizer;
};

/// Biases are few beside their weights, and no noise is wanted on them (docs/method.md).
bool is_bias(const StoredTensor& tensor) {
  return tensor.name.size() > 5 && tensor.name.compare(tensor.name.size() - 5, 5, ".bias") == 0;
}

void run_quantize(const QuantizeCommand& options, const Session& session) {
  TrainedPrompt prompt = read_prompt(options.in);
  const int64_t before = prompt.payload_bytes();
  for (StoredTensor& tensor : prompt.tensors) {
    if (tensor.bits < 16) {
      fail(ErrorKind::kContent, "'", options.in, "': tensor '", tensor.name, "' has ", tensor.bits,
           " bits already; quantize the 16- or 32-bit prompt that it came from");
    }
    if (is_bias(tensor)) {
      for (float& value : tensor.plain) value = from_half(to_half(value));
      tensor.bits = 16;
      continue;
    }
    tensor.quantized = quantize_once(tensor.plain, options.quantizer);
    tensor.bits = options.quantizer.bits;
    tensor.plain.clear();
  }
  prompt.bits = options.quantizer.bits;
  write_prompt(options.out, prompt);
  const int64_t after = prompt.payload_bytes();
  print_result(session,
               {"",
                {"prompt", "bits", "payload before", "payload after"},
                {{options.out, cat(prompt.bits), cat(before, " B"), cat(after, " B")}}},
               Json{{"prompt", options.out},
                    {"bits", prompt.bits},
                    {"payload_bytes_before", before},
                    {"payload_bytes", after}});
}

const char* const kPositions[] = {"end", "middle", "front"};

struct NearWord {
  std::string word;
  double distance = 0;
};
/// Of each context row, nearest first.
using NearWords = std::vector<std::vector<NearWord>>;

struct InspectCommand {
  ModelOptions model;
  std::string prompt;
  int64_t words = 3;
};

std::vector<int64_t> code_histogram(const StoredTensor& tensor) {
  std::vector<int64_t> histogram(tensor.quantized.codebook.size(), 0);
  for (uint8_t code : tensor.quantized.codes) ++histogram.at(code);
  return histogram;
}

Json tensor_json(const StoredTensor& tensor) {
  Json out{{"name", tensor.name},
           {"shape", tensor.shape},
           {"bits", tensor.bits},
           {"payload_bytes", tensor.payload_bytes()}};
  if (tensor.bits >= 16) return out;
  const std::vector<int64_t> histogram = code_histogram(tensor);
  std::vector<double> centres;
  for (uint16_t half : tensor.quantized.codebook) centres.push_back(from_half(half));
  out["centres"] = centres;
  out["histogram"] = histogram;
  return out;
}

Json metadata_json(const InspectCommand& options, const TrainedPrompt& prompt) {
  Json out{{"file", options.prompt},
           {"method", method_name(prompt.method)},
           {"n_ctx", prompt.n_ctx},
           {"width", prompt.width},
           {"class_position", kPositions[static_cast<size_t>(prompt.position)]},
           {"class_specific", prompt.class_specific},
           {"depth", prompt.depth},
           {"bits", prompt.bits},
           {"shots", prompt.shots == 0 ? Json("all") : Json(prompt.shots)},
           {"seed", prompt.seed},
           {"trained_on", half_name(static_cast<Half>(prompt.half)) + " classes"},
           {"fingerprint", to_hex(prompt.fingerprint)},
           {"initial_words", prompt.initial_words},
           {"dataset", prompt.dataset},
           {"class_names", prompt.class_names},
           {"payload_bytes", prompt.payload_bytes()}};
  for (const StoredTensor& tensor : prompt.tensors) out["tensors"].push_back(tensor_json(tensor));
  return out;
}

/// The vocabulary entries nearest (Euclidean, as CoOp's interpret_prompt.py) to each context row.
NearWords nearest_words(const Clip& clip, const TrainedPrompt& prompt, int64_t count) {
  const at::NoGradGuard no_grad;
  if (prompt.width != clip.config().text_width) {
    fail(ErrorKind::kContent, "the prompt's width is ", prompt.width, ", this CLIP's text tower's ",
         clip.config().text_width, "; the file is damaged");
  }
  const StoredTensor& ctx = prompt.tensor("ctx");
  const at::Tensor rows =
      at::tensor(ctx.values(), at::kFloat).view({-1, prompt.width});     // (M, D) or (C·M, D)
  const at::Tensor table = clip.token_table().to(at::kCPU, at::kFloat);  // (V, D)
  const at::Tensor distances = at::cdist(rows, table);                   // (M, V)
  auto [near, ids] = distances.topk(std::min<int64_t>(count, table.size(0)), 1, false);
  NearWords out;
  for (int64_t m = 0; m < rows.size(0); ++m) {
    std::vector<NearWord> words;
    for (int64_t j = 0; j < near.size(1); ++j) {
      words.push_back(
          {clip.tokenizer().token_text(ids[m][j].item<int64_t>()), near[m][j].item<double>()});
    }
    out.push_back(std::move(words));
  }
  return out;
}

Json near_json(const NearWords& rows) {
  Json out = Json::array();
  for (const auto& row : rows) {
    Json words = Json::array();
    for (const NearWord& near : row) {
      words.push_back({{"word", near.word}, {"distance", near.distance}});
    }
    out.push_back(std::move(words));
  }
  return out;
}

void print_line(const std::string& name, const std::string& value) {
  std::cout << name << std::string(name.size() < 16 ? 16 - name.size() : 1, ' ') << printable(value)
            << '\n';
}

void print_metadata(const InspectCommand& options, const TrainedPrompt& prompt) {
  const auto text = [](bool value) { return std::string(value ? "true" : "false"); };
  print_line("file", options.prompt);
  print_line("method", std::string(method_name(prompt.method)));
  print_line("n_ctx", cat(prompt.n_ctx));
  print_line("width", cat(prompt.width));
  print_line("class_position", kPositions[static_cast<size_t>(prompt.position)]);
  print_line("class_specific", text(prompt.class_specific));
  print_line("depth", cat(prompt.depth));
  print_line("bits", cat(prompt.bits));
  print_line("shots", prompt.shots == 0 ? "all" : cat(prompt.shots));
  print_line("seed", cat(prompt.seed));
  print_line("trained_on", half_name(static_cast<Half>(prompt.half)) + " classes");
  print_line("fingerprint", to_hex(prompt.fingerprint));
  print_line("initial_words", prompt.initial_words);
  print_line("dataset", prompt.dataset);
  print_line("class_names", Json(prompt.class_names).text());
  print_line("payload_bytes", cat(prompt.payload_bytes()));
}

void print_tensor(const StoredTensor& tensor) {
  std::cout << "\ntensor " << printable(tensor.name) << ' ' << Json(tensor.shape).text() << ", "
            << tensor.bits << " bits, " << tensor.payload_bytes() << " B\n";
  if (tensor.bits >= 16) return;
  Table table{"", {"code", "centre", "values"}, {}};
  const std::vector<int64_t> histogram = code_histogram(tensor);
  for (size_t k = 0; k < histogram.size(); ++k) {
    table.rows.push_back(
        {cat(k), cat(double(from_half(tensor.quantized.codebook[k]))), cat(histogram[k])});
  }
  std::cout << to_text(table);
}

void print_nearest(const NearWords& rows) {
  if (rows.empty()) return;
  Table table{"\nnearest words (distance)", {"row", "words"}, {}};
  for (size_t row = 0; row < rows.size(); ++row) {
    std::string text;
    for (const NearWord& near : rows[row]) {
      std::ostringstream distance;
      distance << std::fixed;
      distance.precision(3);
      distance << near.distance;
      text += (text.empty() ? "" : ", ") + near.word + " (" + distance.str() + ")";
    }
    table.rows.push_back({cat(row), text});
  }
  std::cout << to_text(table);
}

void run_inspect(const InspectCommand& options, const Session& session) {
  Log log = make_log(session);
  const TrainedPrompt prompt = read_prompt(options.prompt);
  NearWords near;
  if (!options.model.clip.empty()) {
    const Clip clip = open_clip(options.model, session, log);
    check_belongs(clip, prompt, options.prompt);
    if (prompt.method != PromptMethod::kVpt) {  // which learns nothing in the text tower
      near = nearest_words(clip, prompt, options.words);
    }
  }
  if (session.json) {
    Json all = metadata_json(options, prompt);
    if (!near.empty()) all["nearest_words"] = near_json(near);
    return print_json_line(all);
  }
  print_metadata(options, prompt);
  for (const StoredTensor& tensor : prompt.tensors) print_tensor(tensor);
  print_nearest(near);
}

}  // namespace

void add_quantize(Command& program, Session& session) {
  auto options = std::make_shared<QuantizeCommand>();
  Command& command =
      program.add_command("quantize", "post-training quantization of a 16- or 32-bit prompt");
  command.add_argument("in", "the prompt", options->in).require();
  Fields fields = quantizer_fields(options->quantizer);
  std::erase_if(fields, [](const Field& f) { return f.name != "bits" && f.name != "normalise"; });
  command.add(fields);
  command.find("bits").require();
  command.add_text("out", "the file to write", options->out).require();
  command.on_run([options, &session] { run_quantize(*options, session); });
}

void add_inspect(Command& program, Session& session) {
  auto options = std::make_shared<InspectCommand>();
  Command& command = program.add_command("inspect", "what a .qprompt file holds");
  command.add_argument("prompt", "the file", options->prompt).require();
  add_model_options(command, options->model, false);
  command.add_number("words", "nearest words a row (with --clip)", options->words, {1, 1000});
  command.on_run([options, &session] { run_inspect(*options, session); });
}

}  // namespace qprompt::cli
