// `qprompt import`: the words and the table; room `exchange` does the work.
#include "exchange/import.h"

#include <optional>

#include "base/files.h"
#include "base/names.h"
#include "cli/app.h"
#include "cli/method.h"

namespace qprompt::cli {
namespace {

struct ImportCommand {
  ModelOptions model;
  ImportOptions import;
  std::string out, labels;
  std::optional<std::string> shots;
  const Option* seed = nullptr;  ///< the program's --seed, to know whether it was given
};

void print_import(const ImportCommand& command, const ImportedPrompt& imported,
                  const Session& session) {
  const TrainedPrompt& prompt = imported.prompt;
  Table table{"", {"what", "value", "from"}, {}};
  Json json{{"prompt", command.out}, {"payload_bytes", prompt.payload_bytes()}};
  for (const auto& [name, value, from] : imported.facts) {
    table.rows.push_back({name, std::visit([](const auto& v) { return cat(v); }, value), from});
    json[name] = {{"value", std::visit([](const auto& v) { return Json(v); }, value)},
                  {"from", from}};
  }
  for (const StoredTensor& tensor : prompt.tensors) {
    json["tensors"].push_back(
        {{"name", tensor.name}, {"shape", tensor.shape}, {"bits", tensor.bits}});
  }
  json["warnings"] = Json::array();
  for (const Finding& finding : imported.findings) json["warnings"].push_back(finding.text);
  table.rows.push_back({"prompt", command.out,
                        cat(prompt.payload_bytes(), " B in ", prompt.tensors.size(), " tensors")});
  print_result(session, table, json);
}

void run_import(const ImportCommand& command, const Session& session) {
  Log log = make_log(session);
  ImportOptions options = command.import;
  options.clip_name = command.model.clip;
  if (command.shots) options.shots = parse_shots(*command.shots);
  if (command.seed->given()) options.seed = session.seed;
  if (!command.labels.empty()) options.class_names = read_labels(command.labels, "--labels");
  check_not_same_file(options.checkpoint, command.out);
  const TrainerRun run = open_trainer_run(options);
  const Clip clip = open_clip(command.model, session, log);
  const ImportedPrompt imported = import_prompt(clip, run, options);
  for (const Finding& finding : imported.findings) log.warn(finding.text);
  write_prompt(command.out, imported.prompt);
  print_import(command, imported, session);
}

}  // namespace

void add_import(Command& program, Session& session) {
  auto options = std::make_shared<ImportCommand>();
  Command& command = program.add_command(
      "import", "a checkpoint of CoOp, CoCoOp, KgCoOp, ProGrad, MaPLe or PromptSRC as a .qprompt");
  command.add_argument("checkpoint", "the trainer's model.pth.tar-…", options->import.checkpoint)
      .require();
  command.add_text("out", "the .qprompt file to write", options->out).require();
  add_model_options(command, options->model);
  command.add_text("method", "what trained it; auto: the log says it, or its tensors tell",
                   options->import.trainer);
  command.add_text("log",
                   "the run's log.txt; default: looked for beside the checkpoint; none: no log",
                   options->import.log);
  command.add_text("words", "the initial words; \"\": a random start", options->import.words);
  command.add_text("class-position", "where the class token stands: end, middle, front",
                   options->import.position);
  command.add_text("classes", "trained on: all, base, new", options->import.classes);
  command.add_text("dataset", "name of the data set it was trained on", options->import.dataset);
  command.add_text("shots", "images a class it was trained on, or all", options->shots);
  command.add_text("labels", "names of its classes, for class-specific contexts: a file or a,b,c",
                   options->labels);
  command.add_number("plain-bits",
                     "how values are stored that are not half-precision already: 16 or 32",
                     options->import.plain_bits, {16, 32});
  options->seed = &program.find("seed");
  command.on_run([options, &session] { run_import(*options, session); });
}

}  // namespace qprompt::cli
