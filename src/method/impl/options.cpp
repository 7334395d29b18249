#include "method/options.h"

#include <algorithm>

#include "method/method.h"

namespace qprompt {
namespace {

/// The text as its kind writes it; throws kUsage when it is no value.
std::string canonical(const OptionSpec& spec, const std::string& text) {
  const auto through = [&](const Field& field) {
    field.parse(text);
    return field.print();
  };
  int64_t whole = 0;
  double number = 0;
  bool flag = false;
  switch (spec.kind) {
    case OptionKind::kWhole:
      return through(number_field("", "", whole, spec.bounds));
    case OptionKind::kNumber:
      return through(number_field("", "", number, spec.bounds));
    case OptionKind::kFlag:
      return through(flag_field("", "", flag));
    case OptionKind::kChoice:
      return spec.choices.at(parse_choice(text, spec.choices));
    case OptionKind::kText:
      break;
  }
  return text;
}

template <class Values>
auto find_named(Values& values, const std::string& name) {
  return std::find_if(values.begin(), values.end(),
                      [&](const auto& value) { return value.first == name; });
}

std::string joined_choices(const OptionSpec& spec) {
  std::string out;
  for (size_t i = 0; i < spec.choices.size(); ++i) {
    out += (i == 0 ? ": " : ", ") + spec.choices[i];
  }
  return out;
}

}  // namespace

MethodOptions::MethodOptions() : MethodOptions(*find_form(0)) {}

MethodOptions::MethodOptions(const std::string& word) : MethodOptions(find_method(word)) {}

MethodOptions::MethodOptions(const Method& method) : method_(&method) {
  for (const OptionSpec& spec : method.options) {
    values_.emplace_back(spec.name, canonical(spec, spec.value));
  }
}

bool MethodOptions::has(const std::string& name) const {
  return find_named(values_, name) != values_.end();
}

const OptionSpec& MethodOptions::spec(const std::string& name) const {
  std::string all;
  for (const OptionSpec& spec : method_->options) {
    if (spec.name == name) return spec;
    all += (all.empty() ? "" : ", ") + spec.name;
  }
  fail(ErrorKind::kUsage, method_->label, " has no option '", name, "'; ",
       all.empty() ? "it has none of its own" : "its own are: " + all);
}

void MethodOptions::set(const std::string& name, const std::string& text) {
  const OptionSpec& option = spec(name);
  try {
    find_named(values_, name)->second = canonical(option, text);
  } catch (const Error& e) {
    fail(ErrorKind::kUsage, name, " of ", method_->label, ": ", e.what());
  }
}

const std::string& MethodOptions::text(const std::string& name) const {
  const auto found = find_named(values_, name);
  if (found != values_.end()) return found->second;
  fail(ErrorKind::kInternal, "the row of '", method_->word, "' lists no option '", name, "'");
}

int64_t MethodOptions::whole(const std::string& name) const { return std::stoll(text(name)); }

double MethodOptions::number(const std::string& name) const {
  double value = 0;
  number_field("", "", value, {}).parse(text(name));
  return value;
}

bool MethodOptions::flag(const std::string& name) const { return text(name) == "true"; }

size_t MethodOptions::choice(const std::string& name) const {
  return parse_choice(text(name), spec(name).choices);
}

int64_t MethodOptions::whole_or(const std::string& name, int64_t otherwise) const {
  return has(name) ? whole(name) : otherwise;
}

NamedTexts MethodOptions::in_file() const {
  NamedTexts out;
  for (const auto& [name, text] : values_) {
    if (spec(name).in_file) out.emplace_back(name, text);
  }
  return out;
}

Fields MethodOptions::fields() {
  Fields out;
  for (const OptionSpec& spec : method_->options) {
    out.push_back({spec.name, spec.help + joined_choices(spec),
                   [this, name = spec.name] { return text(name); },
                   [this, name = spec.name](const std::string& given) { set(name, given); }});
  }
  return out;
}

}  // namespace qprompt
