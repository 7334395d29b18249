#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <thread>

#include "dataset/impl/equal_files.h"
#include "dataset/impl/readers.h"
#include "qprompt/image.h"

namespace qprompt {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHeaderBytes = size_t{64} << 10;
constexpr int64_t kMaxImageBytes = int64_t{1} << 30;

/// Paths of all lists, each once, in order of first appearance, with the lists that they stand in.
struct Listed {
  std::vector<const std::string*> paths;
  std::map<std::string, std::array<int64_t, 3>> counts;
};

Listed collect(const Split& split) {
  Listed listed;
  size_t list = 0;
  for (const auto* items : {&split.train, &split.val, &split.test}) {
    for (const Item& item : *items) {
      const auto [entry, is_new] = listed.counts.try_emplace(item.path);
      if (is_new) listed.paths.push_back(&entry->first);
      ++entry->second[list];
    }
    ++list;
  }
  return listed;
}

/// Throws what is wrong with the header. Its length is not known beforehand: a JPEG may carry other
/// blocks before it, so a file whose beginning does not do is read whole.
void probe_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string head(kHeaderBytes, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  if (head.size() == kHeaderBytes) {
    try {
      probe_image(head, path);
      return;
    } catch (const Error&) {
    }
  }
  probe_image(read_image_file(path, kMaxImageBytes), path);
}

/// What there is to say of one file.
struct FileCheck {
  bool missing = false;
  std::string unreadable;  ///< empty when it is sound
  int64_t bytes = 0;
  std::optional<Digest::Bytes> digest;  ///< of its bytes, where they were read
};

Digest::Bytes digest_of(std::string_view bytes) {
  Digest digest;
  digest.update(bytes.data(), bytes.size());
  return digest.bytes();
}

FileCheck check_file(const std::string& path, bool decode) {
  const std::optional<ImageFileState> state = image_file_state(path);
  if (!state) return {true, "", 0, {}};
  FileCheck check{false, "", state->bytes, {}};
  try {
    if (decode) {
      const std::string bytes = read_image_file(path, kMaxImageBytes);
      check.digest = digest_of(bytes);
      decode_image(bytes, path, DecodeOptions{});
    } else {
      probe_file(path);
    }
  } catch (const std::exception& error) {
    check.unreadable = error.what();
  }
  return check;
}

/// The files with a digest; where only headers were read, of those whose size another one has.
std::vector<dataset::HashedFile> hash_files(const std::vector<const std::string*>& paths,
                                            const std::vector<std::string>& files,
                                            const std::vector<FileCheck>& checks) {
  std::map<int64_t, int> sizes;
  for (const FileCheck& check : checks) ++sizes[check.bytes];
  std::vector<dataset::HashedFile> hashed;
  for (size_t i = 0; i < checks.size(); ++i) {
    if (checks[i].missing || !checks[i].unreadable.empty() || sizes[checks[i].bytes] < 2) continue;
    hashed.push_back({*paths[i], checks[i].digest
                                     ? *checks[i].digest
                                     : digest_of(read_image_file(files[i], kMaxImageBytes))});
  }
  return hashed;
}

/// Checks every file, by several threads. The log is this thread's own.
std::vector<FileCheck> check_files(const std::vector<std::string>& files,
                                   const CheckOptions& options, Log& log) {
  std::vector<FileCheck> findings(files.size());
  std::atomic<size_t> next{0}, done{0};
  const auto work = [&](bool shows) {
    for (size_t i; (i = next++) < files.size();) {
      findings[i] = check_file(files[i], options.decode);
      ++done;
      if (shows) log.progress("images", int64_t(done.load()), int64_t(files.size()));
    }
  };
  const auto helpers = std::clamp<int64_t>(options.threads - 1, 0, int64_t(files.size()));
  std::vector<std::jthread> threads;
  for (int64_t t = 0; t < helpers; ++t) threads.emplace_back(work, false);
  work(true);
  threads.clear();  // joins
  if (!files.empty()) log.progress("images", int64_t(files.size()), int64_t(files.size()));
  return findings;
}

void count_classes(const Split& split, DataReport& report) {
  for (const std::string& name : split.class_names) report.classes.push_back({name, 0, 0, 0});
  const auto count = [&](const std::vector<Item>& items, int64_t DataReport::ClassCount::*field) {
    for (const Item& item : items) ++(report.classes.at(static_cast<size_t>(item.label)).*field);
  };
  count(split.train, &DataReport::ClassCount::train);
  count(split.val, &DataReport::ClassCount::val);
  count(split.test, &DataReport::ClassCount::test);
}

/// Counts that are not those of the published set: a part of it is missing, or it is another one.
void note_published(const Split& split, DataReport& report) {
  if (split.name.empty() || split.folder.empty()) return;
  const DatasetInfo* info = find_dataset(split.name);
  if (info == nullptr || info->name != split.name) return;
  if (!split.published_split) {
    report.notes.push_back(cat("split here: ", "the published split file is absent"));
  }
  const auto count = [&](const char* what, size_t found, int64_t published) {
    if (static_cast<int64_t>(found) == published) return;
    report.notes.push_back(cat(found, " ", what, "; published: ", published));
  };
  count("classes", split.class_names.size(), info->classes);
  count("training images", split.train.size(), info->train);
  count("validation images", split.val.size(), info->val);
  count("test images", split.test.size(), info->test);
}

/// What can be done with a set of which only a part is there.
void note_use_of_part(const Split& split, DataReport& report) {
  const size_t listed = split.train.size() + split.val.size() + split.test.size();
  const size_t there = listed - std::min(listed, report.missing.size());
  if (there == 0) return;
  report.notes.push_back(
      cat(there, " of ", listed, " images are there: --partial goes on with them alone"));
  if (split.folder.empty() || split.folder == split.image_root) return;
  std::error_code error;
  size_t folders = 0;
  for (fs::directory_iterator it(split.image_root, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    folders += it->is_directory(ignored) ? 1 : 0;
  }
  if (folders < 2) return;
  report.notes.push_back(cat("'", split.image_root, "' has ", folders,
                             " folders of images: it can ",
                             "be used as a plain folder with --data and no --dataset"));
}

void note_names(const Split& split, DataReport& report) {
  std::map<std::string, std::vector<size_t>> labels;
  for (size_t i = 0; i < split.class_names.size(); ++i) labels[split.class_names[i]].push_back(i);
  for (const auto& [name, same] : labels) {
    if (same.size() < 2) continue;
    std::string list;
    for (const size_t label : same) list += cat(list.empty() ? "" : ", ", label);
    report.notes.push_back(cat("the class name '", name, "' has several labels: ", list));
  }
}

void note_repeats(const Listed& listed, DataReport& report) {
  constexpr std::array<const char*, 3> kNames = {"training", "validation", "test"};
  std::map<std::string, std::vector<std::string>> found;
  for (const std::string* path : listed.paths) {
    const auto& counts = listed.counts.at(*path);
    for (size_t a = 0; a < 3; ++a) {
      if (counts[a] > 1)
        found[cat("listed twice among the ", kNames[a], " images")].push_back(*path);
      for (size_t b = a + 1; b < 3; ++b) {
        if (counts[a] > 0 && counts[b] > 0) {
          found[cat("both ", kNames[a], " and ", kNames[b], " images")].push_back(*path);
        }
      }
    }
  }
  for (const auto& [what, paths] : found) {
    report.notes.push_back(cat(paths.size(), " image", dataset::plural(int64_t(paths.size())), " ",
                               paths.size() == 1 ? "is " : "are ", what, ": ",
                               dataset::first_few(paths)));
  }
}

void note_empty(const Split& split, DataReport& report) {
  std::vector<std::string> untrained, untested;
  for (const auto& c : report.classes) {
    if (c.train == 0) untrained.push_back(c.name);
    if (c.test == 0) untested.push_back(c.name);
  }
  if (!untrained.empty() && !split.test_only) {
    report.notes.push_back("classes without training image: " + dataset::first_few(untrained));
  }
  if (!untested.empty()) {
    report.notes.push_back("classes without test image: " + dataset::first_few(untested));
  }
  for (const Half half : {Half::kBase, Half::kNew}) {
    try {
      if (select_half(split, half).test.empty()) {
        report.notes.push_back("the " + half_name(half) + " half has no test images");
      }
    } catch (const Error&) {
      report.notes.push_back("the " + half_name(half) + " half has no classes");
    }
  }
}

/// Keeps the items of a list that can be decoded.
void keep_sound(std::vector<Item>& items, const std::string& root, int64_t threads,
                std::vector<std::string>& broken) {
  std::vector<std::string> files;
  for (const Item& item : items) files.push_back((fs::path(root) / item.path).string());
  Log silent;
  const std::vector<FileCheck> checks = check_files(files, {true, threads}, silent);
  std::vector<Item> sound;
  for (size_t i = 0; i < items.size(); ++i) {
    if (checks[i].missing) {
      broken.push_back(cat("'", files[i], "' is missing"));
    } else if (!checks[i].unreadable.empty()) {
      broken.push_back(checks[i].unreadable);
    } else {
      sound.push_back(std::move(items[i]));
    }
  }
  items = std::move(sound);
}

}  // namespace

Split drop_broken(const Split& split, int64_t threads, std::vector<std::string>& broken) {
  Split sound = split;
  keep_sound(sound.train, split.image_root, threads, broken);
  keep_sound(sound.val, split.image_root, threads, broken);
  return sound;
}

DataReport check_split(const Split& split, const CheckOptions& options, Log& log) {
  DataReport report;
  count_classes(split, report);
  const Listed listed = collect(split);
  std::vector<std::string> files;
  for (const auto* path : listed.paths) {
    files.push_back((fs::path(split.image_root) / *path).string());
  }
  const std::vector<FileCheck> findings = check_files(files, options, log);
  for (size_t i = 0; i < findings.size(); ++i) {
    const std::string& path = *listed.paths[i];
    if (findings[i].missing) report.missing.push_back(path);
    if (!findings[i].unreadable.empty()) {
      report.unreadable.push_back(path + ": " + findings[i].unreadable);
    }
  }
  if (!report.missing.empty()) note_use_of_part(split, report);
  for (std::string& note :
       dataset::describe_equal_files(split, hash_files(listed.paths, files, findings))) {
    report.notes.push_back(std::move(note));
  }
  note_published(split, report);
  note_names(split, report);
  note_repeats(listed, report);
  note_empty(split, report);
  return report;
}

}  // namespace qprompt
