// Lists of names as people write them: classes, templates, paths on standard input.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace qprompt {

/// The names of a text file, one a line. Byte-order marks go, UTF-16 with one is read, lines may
/// end in CR LF, blanks around a name and empty lines are left out. Throws kContent with `what`
/// and the line on bytes that are no UTF-8 and on control characters.
std::vector<std::string> parse_names(std::string_view bytes, const std::string& what);

/// The classes that `text` names: a list with commas between ("cat,dog"; a name that holds a comma
/// stands between double quotes, and one class alone is "cat,"), or a file with one a line. Without
/// a comma it is always a file, and one that holds a comma is named with its folder ("./a,b").
/// `option` stands in the messages. Throws kPath where there is no such file, kUsage or kContent on
/// an empty list, a class that is named twice (with both places), and as `parse_names`.
std::vector<std::string> read_labels(const std::string& text, const std::string& option);

/// Templates, each a text with "{}" for the class, or a file with one a line. Throws kUsage on a
/// text without {} that is no file, kContent on a line without it, and as `parse_names`.
std::vector<std::string> read_templates(const std::vector<std::string>& given,
                                        const std::string& option);

/// Paths from a stream, one a line, as they come, so that a pipe gets each answer at once. A path
/// is any bytes: only a byte-order mark before the first, the line's end and empty lines are left
/// out; UTF-16 with a mark is read whole first. With `null_separated` (as `find -print0` writes)
/// nothing but the NUL ends one.
class PathStream {
 public:
  PathStream(std::istream& in, bool null_separated) : in_(in), null_separated_(null_separated) {}
  /// False at the end. Throws kUsage on a NUL where lines were expected.
  bool next(std::string& path);

 private:
  void look_for_mark();
  int take();
  std::istream& in_;
  bool null_separated_, started_ = false;
  std::string begun_;                 ///< bytes that were read to look for a mark
  std::vector<std::string> decoded_;  ///< of UTF-16, the last first
};

}  // namespace qprompt
