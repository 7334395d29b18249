// Byte-pair encoding in CLIP's manner, small: training and encoding of ASCII captions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace qprompt::demo {

// Ids as in CLIP: 256 byte symbols, the same with "</w>" (end of a word), one for each merge, then
// the start and the end token. Only ASCII text is encoded here; the file serves all bytes.
class Bpe {
 public:
  using Merge = std::pair<std::string, std::string>;

  explicit Bpe(std::vector<Merge> merges);

  // Learns merges from texts: always the most frequent pair (the first in byte order among
  // equals), until `merge_count` are known or no pair occurs twice.
  static Bpe train(const std::vector<std::string>& texts, size_t merge_count);
  // CLIP's file: a header line, then one merge a line.
  static Bpe parse(const std::string& file_text);
  std::string file_text() const;

  // Start token, the text's ids, end token.
  std::vector<int64_t> encode(const std::string& text) const;
  size_t size() const { return ids_.size() + 2; }
  size_t merge_count() const { return merges_.size(); }

 private:
  std::vector<std::string> split_word(const std::string& word) const;

  std::vector<Merge> merges_;
  std::map<Merge, size_t> rank_;
  std::map<std::string, int64_t> ids_;
};

}  // namespace qprompt::demo
