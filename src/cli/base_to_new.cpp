#include <charconv>
#include <filesystem>

#include "cli/protocol.h"
#include "qprompt/weights.h"
#include "train/option_door.h"

namespace qprompt::cli {
namespace {

struct BaseToNewCommand : RunOptions {
  std::string seeds = "1,2,3";
  std::vector<std::string> templates;
  std::string out;
};

std::vector<uint64_t> parse_seeds(const std::string& text) {
  std::vector<uint64_t> seeds;
  for (const std::string& piece : split_commas(text)) {
    uint64_t seed = 0;
    const auto [end, error] = std::from_chars(piece.data(), piece.data() + piece.size(), seed);
    if (error != std::errc() || end != piece.data() + piece.size()) {
      fail(ErrorKind::kUsage, "--seeds: '", piece, "' is not a whole number");
    }
    seeds.push_back(seed);
  }
  if (seeds.empty()) fail(ErrorKind::kUsage, "--seeds names no seed; give for example 1,2,3");
  return seeds;
}

/// Without --out, runs are kept under the cache, so that a repeated command goes on where it was.
std::string run_folder(const std::string& out, const std::string& cache, const Split& split) {
  if (!out.empty()) return out;
  const std::string root = cache.empty() || cache == "none" ? default_cache_folder() : cache;
  Digest digest;
  digest.update_text(split.image_root);
  return (std::filesystem::path(root) / "runs" / digest.hex()).string();
}

void base_to_new(const BaseToNewCommand& options, const Session& session) {
  Log log = make_log(session);
  const ProtocolOptions protocol_base{make_variants(options), parse_seeds(options.seeds), {}, ""};
  const Split split = open_split(options.images, session, log);
  const Clip clip = open_clip(options.model, session, log);
  ProtocolOptions protocol = protocol_base;
  protocol.variants = make_variants(
      options, situation_of(clip, split, Protocol::kBaseToNew, parse_shots(options.shots)), log);
  for (Variant& variant : protocol.variants) {
    variant.fit.device = session.device;
    variant.fit.dtype = session.dtype;
  }
  protocol.templates = options.templates.empty()
                           ? std::vector<std::string>{default_template(options.images.data.dataset)}
                           : options.templates;
  protocol.out = run_folder(options.out, options.images.cache, split);
  const ProtocolResult result = run_base_to_new(clip, split, options, protocol, log);
  print_result(session, protocol_table(result), protocol_json(result));
  log.note("prompts and run records: '" + protocol.out + "'");
}

}  // namespace

void add_base_to_new(Command& program, Session& session) {
  auto options = std::make_shared<BaseToNewCommand>();
  Command& command = program.add_command(
      "base-to-new", "train on the base classes, score base and new ones, over several seeds");
  add_run_options(command, *options);
  command.find("method").describe("as in train; several with commas: coop,qcoop,qmaple");
  command.find("bits").describe("bits of a quantized value; several with commas");
  command.add_text("seeds", "seeds with commas between", options->seeds);
  command.add_text("template", "zero-shot template; several are averaged", options->templates);
  command.add_text("out", "folder for the runs; default: under the cache", options->out);
  command.on_run([options, &session] { base_to_new(*options, session); });
}

}  // namespace qprompt::cli
