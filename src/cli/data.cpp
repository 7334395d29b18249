#include <filesystem>
#include <iostream>

#include "base/runtime.h"
#include "cli/app.h"
#include "cli/method.h"

namespace qprompt::cli {
namespace {

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
  data.cache = split_cache(options.images);
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
  print_result(session, table, json);
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
  data.cache = split_cache(options.images);
  const Split split = load_split(data, log);
  const Split drawn = select_half(
      draw_few_shot(split, parse_shots(options.shots), session.seed, log), options.images.half);
  if (session.json) {
    const Json out{{"train", items_json(drawn, drawn.train)},
                   {"val", items_json(drawn, drawn.val)}};
    print_json_line(out);
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

/// What one known data set is, and what of it lies below `root`.
struct Listed {
  std::string state;  ///< "complete", "absent", "other counts", "split here", "unusable"
  std::string problem;
  Split split;
};

Listed look_for(const DatasetInfo& info, const std::string& root) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(std::filesystem::path(root) / info.folder, ignored)) {
    return {"absent", "", {}};
  }
  try {
    Log silent;
    DataOptions options;
    options.root = root;
    options.dataset = info.config;
    Listed listed{"complete", "", load_split(options, silent)};
    const Split& split = listed.split;
    const auto is = [](size_t found, int64_t published) {
      return static_cast<int64_t>(found) == published;
    };
    if (!split.published_split) {
      listed.state = "split here";
    } else if (!is(split.class_names.size(), info.classes) || !is(split.train.size(), info.train) ||
               !is(split.val.size(), info.val) || !is(split.test.size(), info.test)) {
      listed.state = "other counts";
    }
    return listed;
  } catch (const Error& error) {
    return {"unusable", error.what(), {}};
  }
}

Json info_json(const DatasetInfo& info) {
  return {{"dataset", info.config},
          {"name", info.name},
          {"folder", info.folder},
          {"template", info.text},
          {"test_only", info.test_only},
          {"published",
           {{"classes", info.classes},
            {"train", info.train},
            {"val", info.val},
            {"test", info.test},
            {"base_test", info.base_test},
            {"new_test", info.new_test}}}};
}

void run_list(const std::string& root, const Session& session) {
  Log log = make_log(session);
  std::error_code ignored;
  if (!root.empty() && !std::filesystem::is_directory(root, ignored)) {
    fail(ErrorKind::kPath, "the data folder '", root, "' does not exist or is no folder");
  }
  Table table{"", {"data set", "folder", "classes", "train", "val", "test"}, {}};
  if (!root.empty()) table.header.push_back("below " + root);
  Json json = Json::array();
  std::string problems;
  int64_t done = 0;
  for (const DatasetInfo& info : known_datasets()) {
    table.rows.push_back({info.config, info.folder, cat(info.classes), cat(info.train),
                          cat(info.val), cat(info.test)});
    Json row = info_json(info);
    if (root.empty()) {
      json.push_back(std::move(row));
      continue;
    }
    const Listed listed = look_for(info, root);
    const Split& split = listed.split;
    const std::string counts = cat(split.class_names.size(), " classes, ", split.train.size(),
                                   " + ", split.val.size(), " + ", split.test.size());
    const bool shown = listed.state == "other counts" || listed.state == "split here";
    table.rows.back().push_back(listed.state + (shown ? ": " + counts : ""));
    if (!listed.problem.empty()) problems += "\n" + info.config + ": " + listed.problem + "\n";
    row["state"] = listed.state;
    if (!listed.problem.empty()) row["problem"] = listed.problem;
    if (!split.class_names.empty()) {
      row["found"] = {{"classes", split.class_names.size()},
                      {"train", split.train.size()},
                      {"val", split.val.size()},
                      {"test", split.test.size()}};
    }
    json.push_back(std::move(row));
    log.progress("data sets", ++done, static_cast<int64_t>(known_datasets().size()));
  }
  print_result(session, table, json);
  if (!session.json) std::cout << problems;
}

}  // namespace

void add_data(Command& program, Session& session) {
  Command& command = program.add_command("data", "look at a data set");
  auto root = std::make_shared<std::string>();
  Command& list = command.add_command("list", "the known data sets, and which are present");
  list.add_text("data", "the root of CoOp's layout, to look for them", *root);
  list.on_run([root, &session] { run_list(*root, session); });
  auto check = std::make_shared<DataCommand>();
  Command& checks = command.add_command("check", "counts, missing and unreadable files, …");
  add_data_options(checks, check->images);
  checks.add_flag("headers-only", "do not decode the images", check->headers_only);
  checks.on_run([check, &session] { run_check(*check, session); });
  auto sample = std::make_shared<DataCommand>();
  Command& samples = command.add_command("sample", "the few-shot draw of a seed");
  add_data_options(samples, sample->images);
  add_classes_option(samples, sample->images);
  samples.add_text("shots", "training images a class, or all", sample->shots);
  samples.on_run([sample, &session] { run_sample(*sample, session); });
}

}  // namespace qprompt::cli
