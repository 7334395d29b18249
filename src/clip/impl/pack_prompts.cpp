#include "qprompt/clip.h"

namespace qprompt {
namespace {

bool same(const PackedRow& a, const PackedRow& b) {
  return a.token == b.token && a.learned == b.learned;
}

int64_t common_prefix(const std::vector<std::vector<PackedRow>>& texts) {
  const std::vector<PackedRow>& first = texts.front();
  size_t prefix = first.size();
  for (const std::vector<PackedRow>& text : texts) {
    prefix = std::min(prefix, text.size());
    for (size_t i = 0; i < prefix; ++i) {
      if (!same(text[i], first[i])) prefix = i;
    }
  }
  return static_cast<int64_t>(prefix);
}

}  // namespace

PackedPrompts pack_prompts(const std::vector<std::vector<PackedRow>>& texts) {
  if (texts.empty()) fail(ErrorKind::kUsage, "pack_prompts: there is no text");
  for (size_t c = 0; c < texts.size(); ++c) {
    if (texts[c].empty())
      fail(ErrorKind::kUsage, "pack_prompts: the text of class ", c, " is empty");
  }
  PackedPrompts packed;
  packed.prefix = common_prefix(texts);
  const auto append = [&](const std::vector<PackedRow>& text, int64_t begin, int64_t end) {
    for (int64_t position = begin; position < end; ++position) {
      packed.rows.push_back({text[position].token, text[position].learned, position});
    }
  };
  append(texts.front(), 0, packed.prefix);
  for (const std::vector<PackedRow>& text : texts) {
    const auto begin = static_cast<int64_t>(packed.rows.size());
    append(text, packed.prefix, static_cast<int64_t>(text.size()));
    const auto end = static_cast<int64_t>(packed.rows.size());
    packed.classes.push_back({begin, end});
    packed.read.push_back(end > begin ? end - 1 : packed.prefix - 1);
  }
  return packed;
}

}  // namespace qprompt
