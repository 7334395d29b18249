// `qprompt import`: the words and the table; room `exchange` does the work.
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/app.h"
#include "cli/method.h"
#include "exchange/import.h"

namespace qprompt::cli {
namespace {

using Json = nlohmann::ordered_json;

struct ImportCommand {
  ModelOptions model;
  ImportOptions import;
  std::string out, labels;
  std::optional<std::string> shots;
  CLI::Option* seed = nullptr;  ///< the program's --seed, to know whether it was given
};

void print_import(const ImportCommand& command, const ImportedPrompt& imported,
                  const Session& session) {
  const TrainedPrompt& prompt = imported.prompt;
  Table table{"", {"what", "value", "from"}, {}};
  Json json{{"prompt", command.out}, {"payload_bytes", prompt.payload_bytes()}};
  for (const auto& [name, value, from] : imported.facts) {
    const Json shown = std::visit([](const auto& known) { return Json(known); }, value);
    table.rows.push_back({name, shown.is_string() ? shown.get<std::string>() : shown.dump(), from});
    json[name] = {{"value", shown}, {"from", from}};
  }
  for (const StoredTensor& tensor : prompt.tensors) {
    json["tensors"].push_back(
        {{"name", tensor.name}, {"shape", tensor.shape}, {"bits", tensor.bits}});
  }
  json["warnings"] = Json::array();
  for (const Finding& finding : imported.findings) json["warnings"].push_back(finding.text);
  table.rows.push_back({"prompt", command.out, cat(prompt.payload_bytes(), " B in ",
                                                   prompt.tensors.size(), " tensors")});
  print_result(session, table, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void run_import(const ImportCommand& command, const Session& session) {
  Log log = make_log(session);
  ImportOptions options = command.import;
  options.clip_name = command.model.clip;
  if (command.shots) options.shots = parse_shots(*command.shots);
  if (command.seed->count() != 0) options.seed = session.seed;
  if (!command.labels.empty()) options.class_names = read_labels(command.labels);
  const TrainerRun run = open_trainer_run(options);
  const Clip clip = open_clip(command.model, session, log);
  const ImportedPrompt imported = import_prompt(clip, run, options);
  for (const Finding& finding : imported.findings) log.warn(finding.text);
  write_prompt(command.out, imported.prompt);
  print_import(command, imported, session);
}

}  // namespace

void add_import(CLI::App& app, Session& session) {
  auto options = std::make_shared<ImportCommand>();
  CLI::App* command = app.add_subcommand(
      "import", "a checkpoint of CoOp, CoCoOp, KgCoOp, ProGrad, MaPLe or PromptSRC as a .qprompt");
  command->add_option("checkpoint", options->import.checkpoint, "the trainer's model.pth.tar-…")
      ->required();
  command->add_option("--out", options->out, "the .qprompt file to write")->required();
  add_model_options(*command, options->model);
  command
      ->add_option("--method", options->import.trainer,
                   "what trained it; auto: the log says it, or its tensors tell")
      ->check(CLI::IsMember(trainer_names()))
      ->capture_default_str();
  command->add_option("--log", options->import.log,
                      "the run's log.txt; default: looked for beside the checkpoint; none: no log");
  command->add_option("--words", options->import.words, "the initial words; \"\": a random start");
  command->add_option("--class-position", options->import.position,
                      "where the class token stands: end, middle, front");
  command->add_option("--classes", options->import.classes, "trained on: all, base, new");
  command->add_option("--dataset", options->import.dataset,
                      "name of the data set it was trained on");
  command->add_option("--shots", options->shots, "images a class it was trained on, or all");
  command->add_option("--labels", options->labels,
                      "names of its classes, for class-specific contexts: a file or a,b,c");
  command
      ->add_option("--plain-bits", options->import.plain_bits,
                   "how values are stored that are not half-precision already: 16 or 32")
      ->capture_default_str();
  options->seed = app.get_option("--seed");
  command->final_callback([options, &session] { run_import(*options, session); });
}

}  // namespace qprompt::cli
