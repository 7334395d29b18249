#include "tokenizer/impl/byte_pairs.h"

#include <functional>
#include <queue>
#include <tuple>

#include "tokenizer/impl/text.h"

namespace qprompt::tokenizer {
namespace {

ByteAlphabet make_alphabet() {
  ByteAlphabet alphabet;
  size_t at = 0;
  const auto add = [&](int byte, char32_t character) {
    alphabet.bytes[at] = static_cast<uint8_t>(byte);
    alphabet.characters[at++] = encode_utf8(std::u32string(1, character));
    alphabet.byte_of.emplace(character, static_cast<uint8_t>(byte));
  };
  const auto is_printable = [](int b) {
    return (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
  };
  for (int b = 0; b < 256; ++b) {
    if (is_printable(b)) add(b, static_cast<char32_t>(b));
  }
  char32_t next = 256;
  for (int b = 0; b < 256; ++b) {
    if (!is_printable(b)) add(b, next++);
  }
  return alphabet;
}

/// A symbol of a word under merging; neighbours by index, -1 at the ends.
struct Node {
  int32_t symbol, previous, next;
};

/// A pair that may be merged: its rank and the index of its left symbol. Smallest first.
using Candidate = std::tuple<int32_t, int32_t>;
using Queue = std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>>;

}  // namespace

const ByteAlphabet& byte_alphabet() {
  static const ByteAlphabet alphabet = make_alphabet();
  return alphabet;
}

BytePairs::BytePairs(const Vocabulary& vocabulary)
    : byte_ids_(vocabulary.byte_ids), last_byte_ids_(vocabulary.last_byte_ids) {
  rules_.reserve(vocabulary.merges.size());
  int32_t rank = 0;
  for (const Merge& m : vocabulary.merges) {
    const uint64_t key = (static_cast<uint64_t>(m.left) << 32) | static_cast<uint32_t>(m.right);
    rules_.emplace(key, Rule{rank++, m.result});
  }
}

const BytePairs::Rule* BytePairs::find(int32_t left, int32_t right) const {
  const uint64_t key = (static_cast<uint64_t>(left) << 32) | static_cast<uint32_t>(right);
  const auto found = rules_.find(key);
  return found == rules_.end() ? nullptr : &found->second;
}

// The reference merges every occurrence of the pair of lowest rank, from the left, and then looks
// again. A queue does the same without scanning the word anew: all candidates of one rank are taken
// before the pairs that they give rise to are queued.
void BytePairs::append(std::string_view word, std::vector<int64_t>& ids) const {
  const auto n = static_cast<int32_t>(word.size());
  std::vector<Node> nodes(word.size());
  for (int32_t i = 0; i < n; ++i) {
    const auto byte = static_cast<uint8_t>(word[static_cast<size_t>(i)]);
    nodes[i] = {i + 1 < n ? byte_ids_[byte] : last_byte_ids_[byte], i - 1, i + 1 < n ? i + 1 : -1};
  }
  Queue queue;
  const auto rule_at = [&](int32_t i) -> const Rule* {
    if (i < 0 || nodes[i].symbol < 0 || nodes[i].next < 0) return nullptr;
    return find(nodes[i].symbol, nodes[nodes[i].next].symbol);
  };
  const auto offer = [&](int32_t i) {
    if (const Rule* rule = rule_at(i)) queue.emplace(rule->rank, i);
  };
  for (int32_t i = 0; i < n; ++i) offer(i);
  std::vector<int32_t> merged;
  while (!queue.empty()) {
    const int32_t rank = std::get<0>(queue.top());
    merged.clear();
    for (; !queue.empty() && std::get<0>(queue.top()) == rank; queue.pop()) {
      const int32_t i = std::get<1>(queue.top());
      const Rule* rule = rule_at(i);
      if (rule == nullptr || rule->rank != rank) continue;  // a neighbour's merge undid the pair
      const int32_t gone = nodes[i].next;
      nodes[i].symbol = rule->result;
      nodes[i].next = nodes[gone].next;
      if (nodes[i].next >= 0) nodes[nodes[i].next].previous = i;
      nodes[gone].symbol = -1;
      merged.push_back(i);
    }
    for (const int32_t i : merged) {
      offer(nodes[i].previous);
      if (nodes[i].symbol >= 0) offer(i);
    }
  }
  for (int32_t i = 0; i >= 0 && i < n; i = nodes[i].next) ids.push_back(nodes[i].symbol);
}

}  // namespace qprompt::tokenizer
