#include <filesystem>

#include "cli/app.h"
#include "cli/method.h"
#include "train/option_door.h"
#include "qprompt/weights.h"

namespace qprompt::cli {
namespace {

struct TrainCommand : RunOptions {
  std::string out;
};

void run_train(const TrainCommand& options, const Session& session) {
  Log log = make_log(session);
  const std::vector<Variant> variants = make_variants(options);
  if (variants.size() != 1) {
    fail(ErrorKind::kUsage,
         "'train' trains one prompt; give one --method and one number of --bits");
  }
  const Split whole = open_split(options.images, session, log);
  const Split drawn = draw_training(whole, options, session.seed, log);
  const Split split = select_half(drawn, options.images.half);
  const Clip clip = open_clip(options.model, session, log);
  const Protocol protocol =
      options.images.half == Half::kAll ? Protocol::kFewShot : Protocol::kBaseToNew;
  const Situation situation = situation_of(clip, whole, protocol, parse_shots(options.shots));
  FitOptions fit = make_variants(options, situation, log)[0].fit;
  fit.train.seed = session.seed;
  fit.half = options.images.half;
  fit.out = options.out;
  fit.device = session.device;
  fit.dtype = session.dtype;
  const FitResult result = fit_prompt(clip, split, fit, log);
  const Table table{"",
                    {"method", "data", "classes", "images", "payload", "file", "seconds"},
                    {{variants[0].name, split.name, cat(split.class_names.size()),
                      cat(split.train.size()), cat(result.prompt.payload_bytes(), " B"),
                      cat(result.file_bytes, " B"), duration(result.seconds)}}};
  const Json json{{"prompt", result.path},
                  {"record", (std::filesystem::path(options.out) / "run.json").string()},
                  {"method", variants[0].name},
                  {"classes", split.class_names.size()},
                  {"train_images", split.train.size()},
                  {"payload_bytes", result.prompt.payload_bytes()},
                  {"file_bytes", result.file_bytes},
                  {"seconds", result.seconds}};
  print_result(session, table, json);
  log.note("wrote '" + result.path + "' and run.json beside it");
}

}  // namespace

void add_train(Command& program, Session& session) {
  auto options = std::make_shared<TrainCommand>();
  Command& command = program.add_command("train", "learn a prompt and write DIR/prompt.qprompt");
  add_run_options(command, *options);
  add_classes_option(command, options->images);
  command.add_text("out", "folder for prompt.qprompt and run.json", options->out).require();
  command.on_run([options, &session] { run_train(*options, session); });
}

}  // namespace qprompt::cli
