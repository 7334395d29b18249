#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/app.h"
#include "cli/method.h"

namespace qprompt::cli {
namespace {

using Json = nlohmann::ordered_json;

struct DataCommand {
  ImagesOptions images;
  std::string shots = "16";
  bool headers_only = false;
};

void print_findings(const char* title, const std::vector<std::string>& findings) {
  if (findings.empty()) return;
  constexpr size_t kShown = 20;
  std::cout << '\n' << title << ": " << findings.size() << '\n';
  for (size_t i = 0; i < std::min(kShown, findings.size()); ++i) {
    std::cout << "  " << findings[i] << '\n';
  }
  if (findings.size() > kShown) std::cout << "  … (all of them with --json)\n";
}

void run_check(const DataCommand& options, const Session& session) {
  Log log = make_log(session);
  DataOptions data = options.images.data;
  data.seed = session.seed;
  data.check_images = false;  // missing images are what this command reports
  const Split split = load_split(data, log);
  const DataReport report =
      check_split(split, {.decode = !options.headers_only, .threads = runtime_info().threads}, log);
  Table table{split.name + " in " + split.image_root, {"class", "train", "val", "test"}, {}};
  Json json{{"name", split.name}, {"image_root", split.image_root}, {"clean", report.clean()}};
  int64_t train = 0, val = 0, test = 0;
  for (const auto& c : report.classes) {
    table.rows.push_back({c.name, cat(c.train), cat(c.val), cat(c.test)});
    json["classes"].push_back(
        {{"class", c.name}, {"train", c.train}, {"val", c.val}, {"test", c.test}});
    train += c.train;
    val += c.val;
    test += c.test;
  }
  table.rows.push_back({cat(report.classes.size(), " classes"), cat(train), cat(val), cat(test)});
  json["missing"] = report.missing;
  json["unreadable"] = report.unreadable;
  json["notes"] = report.notes;
  print_result(session, table, json.dump(-1, ' ', false, Json::error_handler_t::replace));
  if (!session.json) {
    print_findings("missing files", report.missing);
    print_findings("unreadable files", report.unreadable);
    print_findings("notes", report.notes);
    if (report.clean()) std::cout << "\nnothing is wrong\n";
  }
  if (!report.missing.empty() || !report.unreadable.empty()) {
    fail(ErrorKind::kContent, report.missing.size(), " files are missing and ",
         report.unreadable.size(), " cannot be read");
  }
}

Json items_json(const Split& split, const std::vector<Item>& items) {
  Json out = Json::array();
  for (const Item& item : items) {
    out.push_back({{"path", item.path},
                   {"label", item.label},
                   {"class", split.class_names[static_cast<size_t>(item.label)]}});
  }
  return out;
}

void run_sample(const DataCommand& options, const Session& session) {
  Log log = make_log(session);
  DataOptions data = options.images.data;
  data.seed = session.seed;
  data.check_images = false;
  const Split split = load_split(data, log);
  const int64_t shots = parse_shots(options.shots);
  const Split drawn = select_half(
      shots == 0 ? split : draw_few_shot(split, shots, session.seed, log), options.images.half);
  if (session.json) {
    const Json out{{"train", items_json(drawn, drawn.train)},
                   {"val", items_json(drawn, drawn.val)}};
    std::cout << out.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    return;
  }
  Table table{drawn.name, {"list", "path", "label", "class"}, {}};
  const auto add = [&](const char* list, const std::vector<Item>& items) {
    for (const Item& item : items) {
      table.rows.push_back(
          {list, item.path, cat(item.label), drawn.class_names[static_cast<size_t>(item.label)]});
    }
  };
  add("train", drawn.train);
  add("val", drawn.val);
  std::cout << to_text(table);
}

}  // namespace

void add_data(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("data", "look at a data set");
  command->require_subcommand(1);
  auto check = std::make_shared<DataCommand>();
  CLI::App* checks = command->add_subcommand("check", "counts, missing and unreadable files, …");
  add_data_options(*checks, check->images);
  checks->add_flag("--headers-only", check->headers_only, "do not decode the images");
  checks->final_callback([check, &session] { run_check(*check, session); });
  auto sample = std::make_shared<DataCommand>();
  CLI::App* samples = command->add_subcommand("sample", "the few-shot draw of a seed");
  add_data_options(*samples, sample->images);
  add_classes_option(*samples, sample->images);
  samples->add_option("--shots", sample->shots, "training images a class, or all")
      ->capture_default_str();
  samples->final_callback([sample, &session] { run_sample(*sample, session); });
}

}  // namespace qprompt::cli
