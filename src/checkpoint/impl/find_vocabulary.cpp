#include "checkpoint/find_vocabulary.h"

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
  std::error_code ignored;
  const fs::path clip = fs::absolute(clip_path, ignored).lexically_normal();
  const bool is_folder = fs::is_directory(clip, ignored);
  const std::string beside = vocabulary_at(is_folder ? clip : clip.parent_path());
  if (!beside.empty()) return beside;
  const std::string variable = environment("QPROMPT_VOCAB");
  return variable.empty() ? "" : named_vocabulary(variable, "QPROMPT_VOCAB");
}

}  // namespace qprompt
