// Where a command's store is, and copies of what is in it.
#include <cctype>
#include <filesystem>
#include <set>

#include "base/files.h"
#include "experiment/cell.h"
#include "experiment/run.h"
#include "qprompt/features.h"

namespace qprompt {
namespace fs = std::filesystem;
namespace {

/// Letters, digits and '-' of a label, in lower case: "QCoOp 1 bit" is "qcoop-1-bit".
std::string folder_word(const std::string& text) {
  std::string word;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) word += static_cast<char>(std::tolower(byte));
    if ((c == ' ' || c == '-') && !word.empty() && word.back() != '-') word += '-';
  }
  return word;
}

/// A copy never ends another result.
void check_same_or_absent(const std::string& file, const std::string& prompt) {
  constexpr int64_t kMaxCopy = int64_t{1} << 30;
  std::error_code error;
  if (!fs::exists(file, error) && !error) return;
  if (read_file(file, kMaxCopy) == prompt) return;
  fail(ErrorKind::kUsage, "'", file,
       "' is there already, of a training with other settings; give another --out, or --overwrite "
       "to replace it (what was trained now is kept in the store)");
}

}  // namespace

std::string default_store_path(const std::string& cache) {
  const std::string folder = cache.empty() || cache == "none" ? default_cache_folder() : cache;
  return (fs::path(folder) / "experiments.db").string();
}

std::vector<std::string> copy_prompts(const Results& results, const Store& store,
                                      const std::string& folder, bool overwrite) {
  std::set<std::string> datasets;
  std::set<int64_t> shots;
  for (const CellOutcome& cell : results.cells) {
    if (cell.kind != "prompt") continue;
    datasets.insert(cell.dataset);
    shots.insert(cell.shots);
  }
  std::vector<std::string> folders;
  for (const CellOutcome& cell : results.cells) {
    folders.emplace_back();
    if (cell.kind != "prompt" || cell.state != CellState::kDone) continue;
    std::string name = folder_word(cell.label);
    if (datasets.size() > 1) name += "-" + folder_word(cell.dataset);
    if (shots.size() > 1) name += "-" + shots_name(cell.shots) + "shots";
    folders.back() = (fs::path(folder) / cat(name, "-seed", cell.seed)).string();
    make_folder(folders.back());
    const FolderLock lock(folders.back());
    const std::string file = (fs::path(folders.back()) / "prompt.qprompt").string();
    const std::string prompt = store.get(prompt_id(cell.training));
    if (!overwrite) check_same_or_absent(file, prompt);
    write_file_atomic((fs::path(folders.back()) / "run.json").string(),
                      store.get(record_id(cell.training)));
    write_file_atomic(file, prompt);
  }
  return folders;
}

}  // namespace qprompt
