#include "checkpoint/find_vocabulary.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "qprompt/base.h"
#include "qprompt/tokenizer.h"

namespace qprompt {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Sub-folders of `folder` whose names start with `prefix`, sorted; none when it cannot be read.
std::vector<fs::path> folders_with_prefix(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const bool match = it->path().filename().string().rfind(prefix, 0) == 0;
    std::error_code ignored;
    if (match && it->is_directory(ignored)) found.push_back(it->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// The folders in which Python installations keep their packages.
std::vector<fs::path> package_folders() {
  std::vector<fs::path> folders;
  const auto add_prefix = [&](const fs::path& prefix) {
    for (const fs::path& python : folders_with_prefix(prefix / "lib", "python3")) {
      folders.push_back(python / "site-packages");
      folders.push_back(python / "dist-packages");
    }
  };
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const std::string prefix = environment(name); !prefix.empty()) add_prefix(prefix);
  }
  if (const std::string home = environment("HOME"); !home.empty()) {
    add_prefix(fs::path(home) / ".local");
  }
  add_prefix("/usr/local");
  add_prefix("/usr");
  return folders;
}

/// The Hugging Face cache's folders of OpenAI's CLIP models.
std::vector<fs::path> cached_snapshots(std::vector<std::string>& places) {
  const std::string hf_home = environment("HF_HOME"), home = environment("HOME");
  if (hf_home.empty() && home.empty()) return {};
  const fs::path hub =
      (hf_home.empty() ? fs::path(home) / ".cache" / "huggingface" : fs::path(hf_home)) / "hub";
  places.push_back((hub / "models--openai--clip*").string());
  std::vector<fs::path> snapshots;
  for (const fs::path& model : folders_with_prefix(hub, "models--openai--clip")) {
    const auto found = folders_with_prefix(model / "snapshots", "");
    snapshots.insert(snapshots.end(), found.begin(), found.end());
  }
  return snapshots;
}

/// A file as it is, or the vocabulary in a folder; "" when there is neither.
std::string vocabulary_at(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) return path.string();
  if (fs::is_directory(path, ignored)) return vocabulary_in_folder(path.string());
  return "";
}

/// What the user named must be there; nothing else is tried in its place.
std::string named_vocabulary(const std::string& path, const char* named_by) {
  const std::string found = vocabulary_at(path);
  if (!found.empty()) return found;
  fail(ErrorKind::kPath, named_by, " names '", path,
       "', which is neither a vocabulary file nor a folder with one");
}

}  // namespace

std::string find_vocabulary(const std::string& clip_path, const std::string& explicit_path) {
  if (!explicit_path.empty()) return named_vocabulary(explicit_path, "--vocab");
  std::vector<std::string> places;
  const auto look_in = [&](const fs::path& folder) {
    places.push_back(folder.string());
    return vocabulary_at(folder);
  };
  std::error_code ignored;
  const fs::path clip = fs::absolute(clip_path, ignored).lexically_normal();
  const bool is_folder = fs::is_directory(clip, ignored);
  if (auto found = look_in(is_folder ? clip : clip.parent_path()); !found.empty()) return found;
  const std::string variable = environment("QPROMPT_VOCAB");
  if (!variable.empty()) return named_vocabulary(variable, "QPROMPT_VOCAB");
  for (const fs::path& packages : package_folders()) {
    for (const char* package : {"clip", "open_clip"}) {
      if (auto found = look_in(packages / package); !found.empty()) return found;
    }
  }
  for (const fs::path& snapshot : cached_snapshots(places)) {
    if (auto found = vocabulary_at(snapshot); !found.empty()) return found;
  }
  std::string looked;
  for (const std::string& place : places) looked += "\n  " + place;
  fail(ErrorKind::kPath, "no CLIP vocabulary was found. Looked in:", looked,
       "\n  QPROMPT_VOCAB (not set)\nPut bpe_simple_vocab_16e6.txt.gz beside the model, or name it "
       "with --vocab or QPROMPT_VOCAB. The openai/CLIP repository ships it as "
       "clip/bpe_simple_vocab_16e6.txt.gz, and so do the Python packages clip and open_clip_torch; "
       "Hugging Face's CLIP models have it as vocab.json with merges.txt");
}

}  // namespace qprompt
