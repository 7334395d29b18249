// Vocabulary files for the tests, made in a temporary folder.
#pragma once

#include <zlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/run.h"

namespace qprompt::testing {

namespace fs = std::filesystem;

/// A folder that goes when the test ends.
class TempFolder : public testing_support::TempFolder {
 public:
  /// Writes a file below it, with the folders that it needs; returns its path.
  std::string write(const std::string& name, const std::string& bytes) const {
    testing_support::write_all(*this / name, bytes);
    return *this / name;
  }
};

inline std::string gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// Merges that spell "a photo of a cat" in few tokens.
inline const std::vector<std::string>& small_merges() {
  static const std::vector<std::string> merges = {"o f</w>",    "p h",     "o t",      "ph ot",
                                                  "phot o</w>", "a t</w>", "c at</w>", "! !"};
  return merges;
}
constexpr int64_t kSmallVocabSize = 514 + 8;

inline std::string merges_text(const std::vector<std::string>& merges, const std::string& header) {
  std::string text = header;
  for (const std::string& m : merges) text += "\n" + m;
  return text;
}

/// The 256 characters of the byte alphabet, in id order, written down independently of the library.
inline std::vector<std::string> byte_characters() {
  std::vector<int> order, code(256);
  int next = 256;
  for (int b = 0; b < 256; ++b) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    code[b] = printable ? b : next++;
    if (printable) order.push_back(b);
  }
  for (int b = 0; b < 256; ++b) {
    if (code[b] >= 256) order.push_back(b);
  }
  std::vector<std::string> characters;
  for (const int b : order) {
    const int c = code[b];
    characters.push_back(c < 128 ? std::string(1, char(c))
                                 : std::string{char(0xc0 | (c >> 6)), char(0x80 | (c & 63))});
  }
  return characters;
}

/// Hugging Face's token → id of the same vocabulary.
inline nlohmann::json vocab_json(const std::vector<std::string>& merges) {
  nlohmann::json vocab = nlohmann::json::object();
  int64_t id = 0;
  for (const auto& c : byte_characters()) vocab[c] = id++;
  for (const auto& c : byte_characters()) vocab[c + "</w>"] = id++;
  for (const auto& m : merges) {
    const size_t space = m.find(' ');
    vocab[m.substr(0, space) + m.substr(space + 1)] = id++;
  }
  vocab["<|startoftext|>"] = id++;
  vocab["<|endoftext|>"] = id++;
  return vocab;
}

/// A tokenizer.json; `pairs` writes merges as two strings each, as newer files do.
inline nlohmann::json tokenizer_json(const std::vector<std::string>& merges, bool pairs) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& m : merges) {
    const size_t space = m.find(' ');
    if (pairs) {
      list.push_back({m.substr(0, space), m.substr(space + 1)});
    } else {
      list.push_back(m);
    }
  }
  const nlohmann::json vocab = vocab_json(merges);
  nlohmann::json root;
  root["version"] = "1.0";
  root["added_tokens"] = {{{"id", vocab["<|startoftext|>"]}, {"content", "<|startoftext|>"}},
                          {{"id", vocab["<|endoftext|>"]}, {"content", "<|endoftext|>"}}};
  root["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"continuing_subword_prefix", ""},
                   {"end_of_word_suffix", "</w>"},
                   {"vocab", vocab},
                   {"merges", list}};
  return root;
}

}  // namespace qprompt::testing
