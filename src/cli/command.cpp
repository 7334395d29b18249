#include "cli/command.h"

#include <algorithm>
#include <numeric>

namespace qprompt::cli {
namespace {

/// A field's parse, with the option's name before its complaint.
void parse_named(const Field& field, const std::string& shown, const std::string& text) {
  try {
    field.parse(text);
  } catch (const Error& e) {
    fail(ErrorKind::kUsage, shown, ": ", e.what());
  }
}

Option make_option(Option::Kind kind, const std::string& name, const std::string& help,
                   std::function<void(const std::vector<std::string>&)> set) {
  Option option;
  option.kind = kind;
  option.name = name;
  option.help = help;
  option.set = std::move(set);
  return option;
}

/// Letters changed, left out, added, or two neighbours swapped (Damerau and Levenshtein, optimal
/// string alignment).
size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  std::iota(d[0].begin(), d[0].end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

Option& Option::require(bool yes) {
  required = yes;
  return *this;
}

Option& Option::hide() {
  hidden = true;
  from_outside = false;
  return *this;
}

Option& Option::describe(std::string text) {
  help = std::move(text);
  return *this;
}

Option& Option::only_on_command_line() {
  from_outside = false;
  return *this;
}

Option& Option::short_name(char c) {
  letter = c;
  return *this;
}

Command& Command::add_command(const std::string& name, const std::string& help) {
  commands_.push_back(std::make_unique<Command>(name, help));
  return *commands_.back();
}

Option& Command::add_option(Option option) {
  options_.push_back(std::make_unique<Option>(std::move(option)));
  return *options_.back();
}

Option& Command::add(const Field& field) {
  Option option = make_option(
      Option::Kind::kValue, field.name, field.help,
      [field](const auto& values) { parse_named(field, "--" + field.name, values.back()); });
  option.default_text = field.print();
  return add_option(std::move(option));
}

void Command::add(const Fields& fields) {
  for (const Field& field : fields) add(field);
}

Option& Command::add_text(const std::string& name, const std::string& help, std::string& target) {
  return add(text_field(name, help, target));
}

Option& Command::add_text(const std::string& name, const std::string& help,
                          std::optional<std::string>& target) {
  return add_option(make_option(Option::Kind::kValue, name, help,
                                [&target](const auto& values) { target = values.back(); }));
}

Option& Command::add_text(const std::string& name, const std::string& help,
                          std::vector<std::string>& target) {
  return add_option(make_option(Option::Kind::kValues, name, help,
                                [&target](const auto& values) { target = values; }));
}

Option& Command::add_number(const std::string& name, const std::string& help, int64_t& target,
                            Bounds bounds) {
  return add(number_field(name, help, target, bounds));
}

Option& Command::add_flag(const std::string& name, const std::string& help, bool& target) {
  const Field field = flag_field(name, help, target);
  return add_option(make_option(Option::Kind::kFlag, name, help, [field](const auto& values) {
    parse_named(field, "--" + field.name, values.back());
  }));
}

Option& Command::add_argument(const std::string& name, const std::string& help,
                              std::string& target) {
  return add_option(make_option(Option::Kind::kArgument, name, help,
                                [&target](const auto& values) { target = values.back(); }));
}

Option& Command::add_argument(const std::string& name, const std::string& help,
                              std::vector<std::string>& target) {
  return add_option(make_option(Option::Kind::kArguments, name, help,
                                [&target](const auto& values) { target = values; }));
}

Option& Command::find(const std::string& name) {
  for (const auto& option : options_) {
    if (option->name == name) return *option;
  }
  fail(ErrorKind::kInternal, "'", name_, "' has no option '", name, "'");
}

std::string nearest(const std::string& typed, const std::vector<std::string>& known) {
  std::string best;
  size_t least = std::max<size_t>(2, typed.size() / 3) + 1;
  for (const std::string& word : known) {
    const bool begins = typed.size() >= 3 && word.rfind(typed, 0) == 0;
    const size_t d = begins ? 1 : distance(typed, word);
    if (d < least && d < word.size()) {
      least = d;
      best = word;
    }
  }
  return best;
}

}  // namespace qprompt::cli
