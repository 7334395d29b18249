#include <iostream>

#include "base/files.h"
#include "base/text.h"
#include "cli/app.h"
#include "exchange/nearest_words.h"
#include "exchange/quantize.h"
#include "qprompt/eval.h"
#include "qprompt/quant.h"
#include "qprompt/weights.h"

namespace qprompt::cli {
namespace {

struct QuantizeCommand {
  std::string in, out;
  QuantizerOptions quantizer;
};

void run_quantize(const QuantizeCommand& options, const Session& session) {
  check_not_same_file(options.in, options.out);
  const TrainedPrompt before = read_prompt(options.in);
  const TrainedPrompt prompt = quantize_prompt(before, options.quantizer, options.in);
  write_prompt(options.out, prompt);
  print_result(session,
               {"",
                {"prompt", "bits", "payload before", "payload after"},
                {{options.out, cat(prompt.bits), cat(before.payload_bytes(), " B"),
                  cat(prompt.payload_bytes(), " B")}}},
               Json{{"prompt", options.out},
                    {"bits", prompt.bits},
                    {"payload_bytes_before", before.payload_bytes()},
                    {"payload_bytes", prompt.payload_bytes()}});
}

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
  print_line("method", prompt.row().label);
  print_line("n_ctx", cat(prompt.n_ctx));
  print_line("width", cat(prompt.width));
  print_line("class_position", position_name(prompt.position));
  print_line("class_specific", text(prompt.bound_to_classes()));
  print_line("depth", cat(prompt.depth));
  print_line("bits", cat(prompt.bits));
  print_line("shots", prompt.shots == 0 ? "all" : cat(prompt.shots));
  print_line("seed", cat(prompt.seed));
  print_line("trained_on", subset_name(prompt.half) + " classes");
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
    if (prompt.row().learns_text) {
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
