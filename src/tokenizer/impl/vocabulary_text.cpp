#include <zlib.h>

#include <algorithm>
#include <memory>

#include "qprompt/base.h"
#include "tokenizer/impl/text.h"
#include "tokenizer/impl/vocabulary.h"
#include "tokenizer/impl/vocabulary_files.h"

namespace qprompt::tokenizer {
namespace {

bool is_gzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b';
}

/// Inflates all members of a gzip file, stopping at the bound rather than after it.
std::string gunzip(const std::string& file, std::string_view bytes) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) {
    fail(ErrorKind::kInternal, "zlib could not be started");
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> closer(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out, buffer(1 << 16, '\0');
  for (;;) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    const size_t made = buffer.size() - stream.avail_out;
    if (status != Z_OK && status != Z_STREAM_END) {
      const bool truncated = status == Z_BUF_ERROR && stream.avail_in == 0;
      fail(ErrorKind::kContent, "vocabulary '", file, "': the compressed data is ",
           truncated ? "cut off" : "damaged", " at byte ", bytes.size() - stream.avail_in,
           "; copy the file again");
    }
    out.append(buffer, 0, made);
    if (static_cast<int64_t>(out.size()) > kMaxVocabularyBytes) {
      fail(ErrorKind::kContent, "vocabulary '", file, "' is larger than ", kMaxVocabularyBytes,
           " bytes when decompressed, the most that a vocabulary may have");
    }
    if (status != Z_STREAM_END) continue;
    const std::string_view rest(reinterpret_cast<const char*>(stream.next_in), stream.avail_in);
    if (!is_gzip(rest)) return out;
    inflateReset(&stream);
  }
}

}  // namespace

std::string without_gzip(const std::string& file, std::string bytes) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (is_gzip(bytes)) bytes = gunzip(file, bytes);
  if (bytes.starts_with(kByteOrderMark)) bytes.erase(0, kByteOrderMark.size());
  return bytes;
}

std::string read_maybe_gzip(const std::string& path) {
  return without_gzip(path, read_file(path, kMaxVocabularyBytes));
}

int64_t for_each_merge(
    const std::string& file, std::string_view text, int64_t first_line, int64_t limit,
    const std::function<void(const std::string&, const std::string&, const std::string&)>& use) {
  int64_t line_number = 0, merges = 0;
  while (!text.empty() && merges < limit) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (++line_number < first_line) continue;
    if (line.empty()) break;
    const std::string where = cat("line ", line_number);
    size_t invalid = 0;
    decode_utf8(line, &invalid);
    if (invalid != std::string_view::npos) {
      fail(ErrorKind::kContent, "vocabulary '", file, "', ", where, ": byte ", invalid + 1,
           " is not valid UTF-8");
    }
    const size_t space = line.find(' ');
    if (space == std::string_view::npos || space == 0 || space + 1 == line.size() ||
        line.find_first_of(" \t", space + 1) != std::string_view::npos) {
      fail(ErrorKind::kContent, "vocabulary '", file, "', ", where,
           ": two symbols with one space between them were expected, got '", line.substr(0, 80),
           "'");
    }
    use(std::string(line.substr(0, space)), std::string(line.substr(space + 1)), where);
    ++merges;
  }
  return merges;
}

namespace {

/// How many merges a model's tokens come from. OpenAI's file goes on after the 48,894 of CLIP; a
/// model with more embeddings than CLIP has padded ones, unless the file has just as many merges.
int64_t merges_of(std::string_view text, int64_t vocab_size) {
  constexpr int64_t kClipMerges = 48'894;
  const int64_t wanted = vocab_size - kSmallestVocabSize;
  if (wanted <= kClipMerges) return wanted;
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const int64_t lines = std::count(text.begin(), text.end(), '\n');  // but for the header's
  return lines == kClipMerges || lines > wanted ? kClipMerges : wanted;
}

}  // namespace

Vocabulary read_text_vocabulary(const std::string& file, std::string_view bytes,
                                int64_t vocab_size) {
  VocabularyBuilder builder(file, vocab_size);
  const ByteAlphabet& alphabet = byte_alphabet();
  int64_t id = 0;
  for (const std::string& c : alphabet.characters) builder.add_token(c, id++);
  for (const std::string& c : alphabet.characters) {
    builder.add_token(c + std::string(kEndOfWord), id++);
  }
  const int64_t expected = merges_of(bytes, vocab_size);
  const int64_t found = for_each_merge(
      file, bytes, 2, expected,
      [&](const std::string& left, const std::string& right, const std::string& where) {
        if (builder.has_token(left + right)) {
          fail(ErrorKind::kContent, "vocabulary '", file, "', ", where, ": the merge '", left, " ",
               right, "' makes a token that the vocabulary already has");
        }
        builder.add_token(left + right, id++);
        builder.add_merge(left, right, where);
      });
  if (found < expected) {
    fail(ErrorKind::kContent, "vocabulary '", file, "' has ", found, " merges; a model with ",
         vocab_size, " token embeddings needs ", expected,
         "; use the vocabulary that the model was trained with");
  }
  builder.add_token(encode_utf8(kStartText), id++);
  builder.add_token(encode_utf8(kEndText), id++);
  return builder.finish();
}

}  // namespace qprompt::tokenizer
