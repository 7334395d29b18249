#include <algorithm>
#include <deque>
#include <mutex>

#include "method/choice.h"
#include "method/impl/rows.h"

namespace qprompt {
namespace {

constexpr size_t kMostWord = 32;

/// The one table. Rows are only added, and stay where they are.
struct Rows {
  std::mutex lock;
  std::deque<Method> rows;
};
Rows& table() {
  static Rows* const kRows = [] {
    auto* made = new Rows;  // never destroyed: rows are used until the process ends
    for (Method& row : method::own_rows()) made->rows.push_back(std::move(row));
    return made;
  }();
  return *kRows;
}

const Method* look_up(std::string_view word) {
  Rows& all = table();
  const std::lock_guard lock(all.lock);
  for (const Method& row : all.rows) {
    if (row.word == word) return &row;
  }
  return nullptr;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

bool is_word(const std::string& word) {
  return !word.empty() && word.size() <= kMostWord &&
         std::all_of(word.begin(), word.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

/// What a row must be by itself.
void check_row(const Method& row) {
  const auto refuse = [&](const std::string& why) {
    fail(ErrorKind::kUsage, "the method '", row.word, "' cannot be added: ", why);
  };
  if (!is_word(row.word)) refuse("a word is 1 to 32 of the characters a-z, 0-9 and '-'");
  if (row.label.empty()) refuse("it has no label");
  if (!row.trained()) refuse("it names no learner");
  if (!row.tensors) refuse("it does not say its tensors");
  if (row.stored_form != kOutsideForm) {
    refuse(cat("the stored form ", row.stored_form, " is this project's; one from outside has ",
               kOutsideForm));
  }
  for (size_t i = 0; i < row.options.size(); ++i) {
    const std::string& name = row.options[i].name;
    if (!is_word(name)) refuse(cat("'", name, "' is no name of an option"));
    for (size_t j = 0; j < i; ++j) {
      if (row.options[j].name == name) refuse(cat("the option '", name, "' stands twice in it"));
    }
  }
  try {
    MethodOptions defaults(row);
  } catch (const Error& e) {
    refuse(cat("a default is no value of its option: ", e.what()));
  }
}

/// The words by which a row is chosen.
std::vector<std::string> words_of(const Method& row) {
  if (!row.trained()) return {row.word};
  return {row.word, "q" + row.word, row.word + "-ptq"};
}

}  // namespace

const Method& find_method(std::string_view word) {
  if (const Method* row = look_up(word)) return *row;
  fail(ErrorKind::kUsage, "'", word, "' is no method; there are: ", joined(method_words()));
}

const Method* find_form(int stored_form) {
  Rows& all = table();
  const std::lock_guard lock(all.lock);
  if (stored_form == kOutsideForm) return nullptr;
  for (const Method& row : all.rows) {
    if (row.stored_form == stored_form) return &row;
  }
  return nullptr;
}

std::vector<std::string> method_words() {
  Rows& all = table();
  const std::lock_guard lock(all.lock);
  std::vector<std::string> words;
  for (const Method& row : all.rows) words.push_back(row.word);
  return words;
}

void add_method(Method method) {
  check_row(method);
  Rows& all = table();
  const std::lock_guard lock(all.lock);
  for (const Method& other : all.rows) {
    const auto theirs = words_of(other);
    for (const std::string& word : words_of(method)) {
      if (std::find(theirs.begin(), theirs.end(), word) == theirs.end()) continue;
      fail(ErrorKind::kUsage, "the method '", method.word, "' cannot be added: the word '", word,
           "' is taken by ", other.label);
    }
    if (other.label == method.label) {
      fail(ErrorKind::kUsage, "the method '", method.word, "' cannot be added: the label '",
           method.label, "' is taken by '", other.word, "'");
    }
  }
  all.rows.push_back(std::move(method));
}

MethodOptions resolved(MethodOptions options, const Sizes& sizes) {
  if (options.method().resolve) options.method().resolve(options, sizes);
  return options;
}

Unseen unseen_rule(const MethodOptions& options) {
  const bool bound = options.has("class-specific") && options.flag("class-specific");
  return bound ? Unseen::kRefused : options.method().unseen;
}

std::string MethodChoice::word() const {
  return words_of(*method).at(static_cast<size_t>(quantization));
}

std::string MethodChoice::label(int64_t bits) const {
  const std::string unit = cat(bits, bits == 1 ? " bit" : " bits");
  if (quantization == Quantization::kAware) return "Q" + method->label + " " + unit;
  if (quantization == Quantization::kPostTraining) return method->label + " quantized, " + unit;
  return method->label;
}

MethodChoice find_choice(std::string_view word) {
  for (const std::string& known : method_words()) {
    const Method& row = find_method(known);
    const auto words = words_of(row);
    const auto found = std::find(words.begin(), words.end(), word);
    if (found == words.end()) continue;
    return {&row, static_cast<Quantization>(found - words.begin())};
  }
  fail(ErrorKind::kUsage, "method: '", word, "' is not one of: ", joined(choice_words()));
}

std::vector<std::string> choice_words() {
  std::vector<std::string> all;
  for (const std::string& word : method_words()) {
    for (std::string& one : words_of(find_method(word))) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace qprompt
