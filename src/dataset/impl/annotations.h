// Text files of annotations, one item a line; faults name the file and the line.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "qprompt/dataset.h"

namespace qprompt::dataset {

class LineFile {
 public:
  /// Throws kPath, or kContent when larger than 64 MB.
  explicit LineFile(std::string path);

  /// Goes to the next line that is not empty; false at the end.
  bool next();
  /// Without white space at its ends.
  const std::string& line() const { return line_; }
  /// Its words, at least `least` of them.
  std::vector<std::string> words(size_t least, const char* expected) const;
  /// A whole number in [1, kMaxItems], as labels are in these files.
  int64_t number(const std::string& word) const;
  /// `path`, if it stays below the image folder.
  const std::string& checked_path(const std::string& path) const;

  template <class... What>
  [[noreturn]] void refuse(const What&... what) const {
    fail(ErrorKind::kContent, "'", path_, "', line ", number_, ": ", what...);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_, text_, line_;
  size_t from_ = 0;
  int64_t number_ = 0;
};

/// The words from `first` on, with single spaces between.
std::string join_words(const std::vector<std::string>& words, size_t first);

/// Class names by label, from lines that each give one.
using NamesByLabel = std::map<int64_t, std::string>;
/// Throws, as the line's fault, when the label has another name already.
void name_label(NamesByLabel& names, int64_t label, const std::string& name, const LineFile& file);
/// The names of labels 0..C−1; throws kContent, naming `file`, when one is left out.
std::vector<std::string> names_in_order(const NamesByLabel& names, const std::string& file);

}  // namespace qprompt::dataset
