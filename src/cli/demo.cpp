#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "cli/protocol.h"

namespace qprompt::cli {
namespace fs = std::filesystem;

std::string demo_folder() {
  std::vector<std::string> places;
  if (const char* named = std::getenv("QPROMPT_DEMO"); named != nullptr) places.push_back(named);
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    places.push_back((program.parent_path() / ".." / "share" / "qprompt" / "demo").string());
  }
  places.push_back(QPROMPT_DEMO_SOURCE);
  for (const std::string& place : places) {
    if (fs::exists(fs::path(place) / "clip")) return fs::weakly_canonical(place).string();
  }
  std::string looked;
  for (const std::string& place : places) looked += "\n  " + place;
  fail(ErrorKind::kPath, "the demo's files were not found; looked in:", looked,
       "\nset QPROMPT_DEMO to the folder 'assets/demo' of the sources");
}

namespace {

struct DemoCommand {
  std::string out;
};

/// Each family by itself and quantized. MaPLe's epochs, batch and rate are those of its published
/// base-to-new recipe; CoOp's are the program's defaults.
std::vector<Variant> demo_variants(RunOptions run) {
  run.methods = "coop,qcoop";
  std::vector<Variant> variants = make_variants(run);
  run.methods = "maple,qmaple";
  run.given = {{"epochs", "5"}, {"batch", "4"}, {"lr", "0.0035"}};
  for (Variant& variant : make_variants(run)) variants.push_back(std::move(variant));
  return variants;
}

void run_demo(const DemoCommand& options, const Session& session) {
  // The demo's model is so small that a second thread costs more than it brings.
  if (session.threads == 0) configure_runtime(1);
  Log log = make_log(session);
  const std::string folder = demo_folder();
  const std::string out =
      options.out.empty() ? cat((fs::temp_directory_path() / "qprompt-demo-").string(), ::getpid())
                          : options.out;
  RunOptions run;
  run.model.clip = folder + "/clip/model.safetensors";
  run.images.data.root = folder + "/data";
  run.images.cache = out + "/cache";
  run.bits = "1,2,4";
  const Split split = open_split(run.images, session, log);
  const Clip clip = open_clip(run.model, session, log);
  const ProtocolOptions protocol{demo_variants(run), {1, 2, 3}, {default_template("")}, out};
  const ProtocolResult result = run_base_to_new(clip, split, run, protocol, log);
  Table table = protocol_table(result);
  table.title = "Fashion-MNIST in colours, 16 shots, mean ± std of seeds 1 to 3\n" + table.title;
  print_result(session, table, protocol_json(result));
  if (options.out.empty()) {
    std::error_code ignored;
    fs::remove_all(out, ignored);
    log.note("run it with --out DIR to keep the prompts");
  }
}

}  // namespace

void add_demo(Command& program, Session& session) {
  auto options = std::make_shared<DemoCommand>();
  Command& command = program.add_command(
      "demo", "the main job on the embedded model and images, in a minute or two");
  command.add_text("out", "folder that keeps the prompts and the cache", options->out);
  command.on_run([options, &session] { run_demo(*options, session); });
}

}  // namespace qprompt::cli
