#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/aten.h"
#include "cli/app.h"
#include "qprompt/eval.h"
#include "qprompt/quant.h"
#include "qprompt/weights.h"

namespace qprompt::cli {
namespace {

using Json = nlohmann::ordered_json;

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
                    {"payload_bytes", after}}
                   .dump());
}

struct InspectCommand {
  ModelOptions model;
  std::string prompt;
  int64_t words = 3;
};

Json tensor_json(const StoredTensor& tensor) {
  Json out{{"name", tensor.name},
           {"shape", tensor.shape},
           {"bits", tensor.bits},
           {"payload_bytes", tensor.payload_bytes()}};
  if (tensor.bits >= 16) return out;
  std::vector<int64_t> histogram(tensor.quantized.codebook.size(), 0);
  for (uint8_t code : tensor.quantized.codes) ++histogram.at(code);
  std::vector<double> centres;
  for (uint16_t half : tensor.quantized.codebook) centres.push_back(from_half(half));
  out["centres"] = centres;
  out["histogram"] = histogram;
  return out;
}

Json metadata_json(const InspectCommand& options, const TrainedPrompt& prompt) {
  Json out{{"file", options.prompt},
           {"method", prompt.row().label},
           {"n_ctx", prompt.n_ctx},
           {"width", prompt.width},
           {"class_position", position_name(prompt.position)},
           {"class_specific", prompt.bound_to_classes()},
           {"depth", prompt.depth},
           {"bits", prompt.bits},
           {"shots", prompt.shots == 0 ? Json("all") : Json(prompt.shots)},
           {"seed", prompt.seed},
           {"trained_on", subset_name(prompt.half) + " classes"},
           {"fingerprint", to_hex(prompt.fingerprint)},
           {"initial_words", prompt.initial_words},
           {"dataset", prompt.dataset},
           {"class_names", prompt.class_names},
           {"payload_bytes", prompt.payload_bytes()}};
  for (const StoredTensor& tensor : prompt.tensors) out["tensors"].push_back(tensor_json(tensor));
  return out;
}

/// The vocabulary entries nearest (Euclidean, as CoOp's interpret_prompt.py) to each context row.
Json nearest_words(const Clip& clip, const TrainedPrompt& prompt, int64_t count) {
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
  Json out = Json::array();
  for (int64_t m = 0; m < rows.size(0); ++m) {
    Json words = Json::array();
    for (int64_t j = 0; j < near.size(1); ++j) {
      words.push_back({{"word", clip.tokenizer().token_text(ids[m][j].item<int64_t>())},
                       {"distance", near[m][j].item<double>()}});
    }
    out.push_back(words);
  }
  return out;
}

std::string shown(const Json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void print_inspection(const Json& all) {
  for (const auto& [name, value] : all.items()) {
    if (name == "tensors" || name == "nearest_words") continue;
    std::cout << name << std::string(name.size() < 16 ? 16 - name.size() : 1, ' ') << shown(value)
              << '\n';
  }
  for (const Json& tensor : all["tensors"]) {
    std::cout << "\ntensor " << shown(tensor["name"]) << ' ' << shown(tensor["shape"]) << ", "
              << tensor["bits"] << " bits, " << tensor["payload_bytes"] << " B\n";
    if (!tensor.contains("centres")) continue;
    Table table{"", {"code", "centre", "values"}, {}};
    for (size_t k = 0; k < tensor["centres"].size(); ++k) {
      table.rows.push_back({cat(k), cat(tensor["centres"][k].get<double>()),
                            cat(tensor["histogram"][k].get<int64_t>())});
    }
    std::cout << to_text(table);
  }
  if (!all.contains("nearest_words")) return;
  Table table{"\nnearest words (distance)", {"row", "words"}, {}};
  int64_t row = 0;
  for (const Json& words : all["nearest_words"]) {
    std::string text;
    for (const Json& word : words) {
      std::ostringstream distance;
      distance << std::fixed;
      distance.precision(3);
      distance << word["distance"].get<double>();
      text += (text.empty() ? "" : ", ") + shown(word["word"]) + " (" + distance.str() + ")";
    }
    table.rows.push_back({cat(row++), text});
  }
  std::cout << to_text(table);
}

void run_inspect(const InspectCommand& options, const Session& session) {
  Log log = make_log(session);
  const TrainedPrompt prompt = read_prompt(options.prompt);
  Json all = metadata_json(options, prompt);
  if (!options.model.clip.empty()) {
    const Clip clip = open_clip(options.model, session, log);
    check_belongs(clip, prompt, options.prompt);
    if (prompt.row().learns_text) {
      all["nearest_words"] = nearest_words(clip, prompt, options.words);
    }
  }
  if (session.json) {
    std::cout << all.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  } else {
    print_inspection(all);
  }
}

}  // namespace

void add_quantize(CLI::App& app, Session& session) {
  auto options = std::make_shared<QuantizeCommand>();
  CLI::App* command =
      app.add_subcommand("quantize", "post-training quantization of a 16- or 32-bit prompt");
  command->add_option("in", options->in, "the prompt")->required();
  Fields fields = quantizer_fields(options->quantizer);
  std::erase_if(fields, [](const Field& f) { return f.name != "bits" && f.name != "normalise"; });
  add_fields(*command, fields);
  command->get_option("--bits")->required();
  command->add_option("--out", options->out, "the file to write")->required();
  command->final_callback([options, &session] { run_quantize(*options, session); });
}

void add_inspect(CLI::App& app, Session& session) {
  auto options = std::make_shared<InspectCommand>();
  CLI::App* command = app.add_subcommand("inspect", "what a .qprompt file holds");
  command->add_option("prompt", options->prompt, "the file")->required();
  add_model_options(*command, options->model, false);
  command->add_option("--words", options->words, "nearest words a row (with --clip)")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->final_callback([options, &session] { run_inspect(*options, session); });
}

}  // namespace qprompt::cli
