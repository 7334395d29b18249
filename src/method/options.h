// Room `method`: the options of a method, by name and text.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "qprompt/base.h"

namespace qprompt {

struct Method;

/// What the text of an option must be.
enum class OptionKind : uint8_t { kWhole, kNumber, kText, kFlag, kChoice };

/// One option of a method.
struct OptionSpec {
  std::string name;   ///< "n-ctx"
  std::string help;   ///< one sentence
  std::string value;  ///< the default
  OptionKind kind = OptionKind::kWhole;
  Bounds bounds{};                        ///< of numbers
  std::vector<std::string> choices = {};  ///< of kChoice
  /// Decides the classifier, so that it belongs into the file of a learned prompt.
  bool in_file = false;
  /// What a file that does not say it means. Frozen under the method's stored form.
  std::string file_value = {};
  /// The value that says that `Method::resolve` fills it in; empty: none.
  std::string open = {};
};

/// Names and texts, in the row's order.
using NamedTexts = std::vector<std::pair<std::string, std::string>>;

/// The options of one method: its defaults, and what was set over them. Texts are canonical ("4"
/// and never "04"), so that equal settings are equal texts.
class MethodOptions {
 public:
  /// CoOp's, the method that every other is compared with.
  MethodOptions();
  explicit MethodOptions(const Method& method);
  /// Throws kUsage on an unknown word.
  explicit MethodOptions(const std::string& word);

  const Method& method() const { return *method_; }
  bool has(const std::string& name) const;
  /// Throws kUsage, naming option and method, when the row does not list it, and when the text is
  /// no value of it.
  void set(const std::string& name, const std::string& text);
  void set(const std::string& name, int64_t value) { set(name, std::to_string(value)); }

  /// The value of an option that the row lists; throws kInternal when it does not.
  const std::string& text(const std::string& name) const;
  int64_t whole(const std::string& name) const;
  double number(const std::string& name) const;
  bool flag(const std::string& name) const;
  /// Index into the spec's choices.
  size_t choice(const std::string& name) const;
  /// The same, or what stands for a method that has no such option.
  int64_t whole_or(const std::string& name, int64_t otherwise) const;

  /// Every option with its value, in the row's order: what an identity digests.
  const NamedTexts& list() const { return values_; }
  /// Those that decide the classifier.
  NamedTexts in_file() const;
  /// Name, help, printing and parsing of each, bound to this object, which must outlive them.
  Fields fields();

 private:
  const OptionSpec& spec(const std::string& name) const;
  const Method* method_;
  NamedTexts values_;
};

}  // namespace qprompt
