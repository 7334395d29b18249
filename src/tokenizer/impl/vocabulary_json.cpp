#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json_depth.h"
#include "qprompt/base.h"
#include "tokenizer/impl/text.h"
#include "tokenizer/impl/vocabulary.h"
#include "tokenizer/impl/vocabulary_files.h"

namespace qprompt::tokenizer {
namespace {

using nlohmann::json;

json parse_object(const std::string& file, std::string_view bytes) {
  if (json_is_deeper_than(bytes, kMaxJsonDepth)) {
    fail(ErrorKind::kContent, "vocabulary '", file, "': its JSON is nested more than ",
         kMaxJsonDepth, " levels deep");
  }
  json root;
  try {
    root = json::parse(bytes);
  } catch (const json::parse_error& error) {
    fail(ErrorKind::kContent, "vocabulary '", file, "' is not valid JSON at byte ", error.byte);
  } catch (const json::exception&) {
    fail(ErrorKind::kContent, "vocabulary '", file, "' is not valid JSON");
  }
  if (!root.is_object()) {
    fail(ErrorKind::kContent, "vocabulary '", file, "': a JSON object was expected, got ",
         root.type_name());
  }
  return root;
}

int64_t id_value(const std::string& file, const std::string& token, const json& id) {
  if (!id.is_number_integer()) {
    fail(ErrorKind::kContent, "vocabulary '", file, "': the id of token '", token,
         "' must be a whole number, not ", id.type_name());
  }
  return id.get<int64_t>();
}

void add_tokens(const std::string& file, const json& tokens, VocabularyBuilder& builder) {
  for (const auto& [token, id] : tokens.items()) {
    builder.add_token(token, id_value(file, token, id));
  }
}

/// An id that fits; whether the model has it is the builder's to say.
int32_t added_id(const std::string& file, const std::string& token, const json& id) {
  const int64_t value = id_value(file, token, id);
  if (token.empty() || value < 0 || value > std::numeric_limits<int32_t>::max()) {
    fail(ErrorKind::kContent, "vocabulary '", file, "': the added token '", token, "' has id ",
         value, "; a text and an id of the model were expected");
  }
  return static_cast<int32_t>(value);
}

/// The tokens that a tokenizer.json keeps apart; most stand in its vocabulary too.
void add_added_tokens(const std::string& file, const json& root, VocabularyBuilder& builder) {
  const auto added = root.find("added_tokens");
  if (added == root.end()) return;
  for (const json& entry : *added) {
    if (!entry.is_object() || !entry.contains("content") || !entry["content"].is_string() ||
        !entry.contains("id")) {
      fail(ErrorKind::kContent, "vocabulary '", file,
           "': every entry of added_tokens must be an object with 'id' and 'content'");
    }
    const auto said = [&](const char* name, bool otherwise) {
      const auto found = entry.find(name);
      return found != entry.end() && found->is_boolean() ? found->get<bool>() : otherwise;
    };
    AddedToken token;
    token.text = entry["content"].get<std::string>();
    token.id = added_id(file, token.text, entry["id"]);
    token.in_cleaned = said("normalized", !said("special", false));
    token.single_word = said("single_word", false);
    builder.add_added(token);
  }
}

/// Hugging Face's slow tokenizers keep added tokens in a file of their own: {"<cat-toy>": 49408}.
void add_tokens_beside(const std::string& vocabulary, VocabularyBuilder& builder) {
  const auto file =
      (std::filesystem::path(vocabulary).parent_path() / "added_tokens.json").string();
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return;
  const json tokens = parse_object(file, read_maybe_gzip(file));
  for (const auto& [token, id] : tokens.items()) {
    builder.add_added({token, added_id(file, token, id), true, false});
  }
}

void add_merges(const std::string& file, const json& merges, VocabularyBuilder& builder) {
  int64_t number = 0;
  for (const json& entry : merges) {
    const std::string where = cat("model.merges[", number++, "]");
    std::string left, right;
    if (entry.is_string()) {
      const auto text = entry.get<std::string>();
      const size_t space = text.find(' ');
      if (space != std::string::npos) {
        left = text.substr(0, space);
        right = text.substr(space + 1);
      }
    } else if (entry.is_array() && entry.size() == 2 && entry[0].is_string() &&
               entry[1].is_string()) {
      left = entry[0].get<std::string>();
      right = entry[1].get<std::string>();
    }
    if (left.empty() || right.empty()) {
      fail(ErrorKind::kContent, "vocabulary '", file, "', ", where,
           R"(: expected "left right" or ["left", "right"])");
    }
    builder.add_merge(left, right, where);
  }
}

/// Refuses byte-pair models that would not give CLIP's ids.
void check_model(const std::string& file, const json& model) {
  const auto refuse = [&](const auto&... what) {
    fail(ErrorKind::kContent, "vocabulary '", file, "': ", what...);
  };
  if (!model.is_object()) refuse("'model' must be an object, not ", model.type_name());
  if (const auto type = model.find("type"); type != model.end() && *type != "BPE") {
    refuse("model.type must be \"BPE\", as CLIP's is, not ", type->dump());
  }
  const auto suffix = model.find("end_of_word_suffix");
  if (suffix == model.end() || *suffix != kEndOfWord) {
    refuse("model.end_of_word_suffix must be \"</w>\", as CLIP's is");
  }
  const auto prefix = model.find("continuing_subword_prefix");
  if (prefix != model.end() && !prefix->is_null() && *prefix != "") {
    refuse("model.continuing_subword_prefix must be empty, as CLIP's is");
  }
  if (!model.contains("vocab") || !model["vocab"].is_object()) {
    refuse("model.vocab must be an object of tokens and ids");
  }
  if (!model.contains("merges") || !model["merges"].is_array()) {
    refuse("model.merges must be a list");
  }
}

}  // namespace

Vocabulary read_json_vocabulary(const std::string& file, std::string_view bytes,
                                int64_t vocab_size) {
  const json root = parse_object(file, bytes);
  VocabularyBuilder builder(file, vocab_size);
  // A vocab.json has a token "model" too, but with a number.
  if (const auto found = root.find("model"); found != root.end() && !found->is_number()) {
    const json& model = *found;
    check_model(file, model);
    add_tokens(file, model["vocab"], builder);
    add_added_tokens(file, root, builder);
    add_merges(file, model["merges"], builder);
    return builder.finish();
  }
  add_tokens(file, root, builder);
  add_tokens_beside(file, builder);
  const auto merges_file = (std::filesystem::path(file).parent_path() / "merges.txt").string();
  std::error_code ignored;
  if (!std::filesystem::exists(merges_file, ignored)) {
    fail(ErrorKind::kPath, "the vocabulary '", file, "' needs the file merges.txt beside it");
  }
  const std::string merges = read_maybe_gzip(merges_file);
  const bool header = merges.rfind("#version", 0) == 0;
  for_each_merge(merges_file, merges, header ? 2 : 1, vocab_size,
                 [&](const std::string& left, const std::string& right, const std::string& where) {
                   builder.add_merge(left, right, cat("merges.txt ", where));
                 });
  return builder.finish();
}

}  // namespace qprompt::tokenizer
