#include "demo_bpe.h"

#include <cctype>
#include <set>
#include <sstream>
#include <stdexcept>

namespace qprompt::demo {
namespace {

const std::string kWordEnd = "</w>";

std::string utf8(uint32_t code) {  // code < 0x800
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
}

// The 256 byte symbols in CLIP's (GPT-2's) order: the visible bytes as themselves, then the others
// as the characters from 256 on.
std::vector<std::string> byte_symbols() {
  std::vector<std::string> visible, hidden;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool shown = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    if (shown) {
      visible.push_back(utf8(byte));
    } else {
      hidden.push_back(utf8(256 + static_cast<uint32_t>(hidden.size())));
    }
  }
  visible.insert(visible.end(), hidden.begin(), hidden.end());
  return visible;
}

enum class Kind { kSpace, kLetter, kDigit, kOther };

Kind kind_of(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x80) throw std::runtime_error("captions must be ASCII");
  if (std::isspace(byte)) return Kind::kSpace;
  if (std::isalpha(byte)) return Kind::kLetter;
  return std::isdigit(byte) ? Kind::kDigit : Kind::kOther;
}

// Lower-cased words: runs of letters, single digits, runs of other signs. CLIP's rule for
// apostrophes ("'s") is left out, because captions have none.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  Kind last = Kind::kSpace;
  for (const char c : text) {
    const Kind kind = kind_of(c);
    if (kind != Kind::kSpace) {
      if (kind != last || kind == Kind::kDigit) words.emplace_back();
      words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    last = kind;
  }
  return words;
}

// One symbol a letter, the last with the mark of the word's end.
std::vector<std::string> letters_of(const std::string& word) {
  std::vector<std::string> symbols;
  for (const char c : word) symbols.emplace_back(1, c);
  symbols.back() += kWordEnd;
  return symbols;
}

void apply_merge(const Bpe::Merge& merge, std::vector<std::string>& symbols) {
  std::vector<std::string> merged;
  for (size_t i = 0; i < symbols.size(); ++i) {
    if (i + 1 < symbols.size() && symbols[i] == merge.first && symbols[i + 1] == merge.second) {
      merged.push_back(merge.first + merge.second);
      ++i;
    } else {
      merged.push_back(symbols[i]);
    }
  }
  symbols = std::move(merged);
}

}  // namespace

Bpe::Bpe(std::vector<Merge> merges) : merges_(std::move(merges)) {
  const std::vector<std::string> bytes = byte_symbols();
  auto add = [this](const std::string& symbol) {
    const auto id = static_cast<int64_t>(ids_.size());
    if (!ids_.emplace(symbol, id).second) throw std::runtime_error("symbol twice: " + symbol);
  };
  for (const std::string& symbol : bytes) add(symbol);
  for (const std::string& symbol : bytes) add(symbol + kWordEnd);
  for (const Merge& merge : merges_) {
    rank_[merge] = rank_.size();
    add(merge.first + merge.second);
  }
}

Bpe Bpe::train(const std::vector<std::string>& texts, size_t merge_count) {
  std::map<std::string, size_t> counts;
  for (const std::string& text : texts) {
    for (const std::string& word : words_of(text)) ++counts[word];
  }
  std::vector<std::pair<std::vector<std::string>, size_t>> words;
  for (const auto& [word, count] : counts) words.emplace_back(letters_of(word), count);

  std::vector<Merge> merges;
  std::set<std::string> made;  // two merges may spell the same symbol: only the first is kept
  while (merges.size() < merge_count) {
    std::map<Merge, size_t> pairs;
    for (const auto& [symbols, count] : words) {
      for (size_t i = 0; i + 1 < symbols.size(); ++i) pairs[{symbols[i], symbols[i + 1]}] += count;
    }
    const Merge* best = nullptr;
    size_t best_count = 1;
    for (const auto& [pair, count] : pairs) {
      if (count > best_count && !made.contains(pair.first + pair.second)) {
        best = &pair;
        best_count = count;
      }
    }
    if (best == nullptr) break;
    merges.push_back(*best);
    made.insert(best->first + best->second);
    for (auto& [symbols, count] : words) apply_merge(merges.back(), symbols);
  }
  return Bpe(std::move(merges));
}

Bpe Bpe::parse(const std::string& file_text) {
  std::istringstream in(file_text);
  std::string header, first, second;
  std::getline(in, header);
  std::vector<Merge> merges;
  while (in >> first >> second) merges.emplace_back(first, second);
  return Bpe(std::move(merges));
}

std::string Bpe::file_text() const {
  std::string text = "\"a small byte-pair vocabulary, learned from the demo's captions\"\n";
  for (const Merge& merge : merges_) text += merge.first + " " + merge.second + "\n";
  return text;
}

std::vector<std::string> Bpe::split_word(const std::string& word) const {
  std::vector<std::string> symbols = letters_of(word);
  for (;;) {
    auto best = rank_.end();
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = rank_.find({symbols[i], symbols[i + 1]});
      if (found == rank_.end()) continue;
      if (best == rank_.end() || found->second < best->second) best = found;
    }
    if (best == rank_.end()) return symbols;
    apply_merge(best->first, symbols);
  }
}

std::vector<int64_t> Bpe::encode(const std::string& text) const {
  const auto start = static_cast<int64_t>(ids_.size());
  std::vector<int64_t> ids = {start};
  for (const std::string& word : words_of(text)) {
    for (const std::string& symbol : split_word(word)) ids.push_back(ids_.at(symbol));
  }
  ids.push_back(start + 1);
  return ids;
}

}  // namespace qprompt::demo
