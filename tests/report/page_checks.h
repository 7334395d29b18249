// What a self-contained page keeps to, read from its text.
#pragma once

#include <regex>
#include <set>
#include <string>
#include <vector>

namespace qprompt::testing_support {

/// First groups of all matches.
inline std::vector<std::string> all_of(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    found.push_back((*it)[1].str());
  }
  return found;
}

/// Everything on the page that would be fetched from elsewhere, or run.
inline std::vector<std::string> outside_parts(const std::string& page) {
  std::vector<std::string> found = all_of(page, R"((https?://|//[a-z0-9.-]+\.[a-z]{2,}/))");
  for (const char* pattern :
       {R"((<script|<link|<iframe|<object|<embed|<base|@import|javascript:|\son[a-z]+=))",
        R"(\ssrc=['"]?((?!data:image/)[^'">\s]+))", R"(href=['"]([^#'"][^'"]*))",
        R"(url\(['"]?([^#'")][^)]*))"}) {
    const auto more = all_of(page, pattern);
    found.insert(found.end(), more.begin(), more.end());
  }
  return found;
}

/// Ids that stand twice, and references that lead nowhere.
inline std::vector<std::string> broken_ids(const std::string& page) {
  std::set<std::string> ids;
  std::vector<std::string> broken;
  for (const std::string& id : all_of(page, R"(\sid=['"]([^'"]*)['"])")) {
    if (!ids.insert(id).second) broken.push_back("twice: " + id);
  }
  for (const char* pattern : {R"(href=['"]#([^'"]*)['"])", R"(url\(#([^)]*)\))"}) {
    for (const std::string& id : all_of(page, pattern)) {
      if (ids.count(id) == 0) broken.push_back("nowhere: " + id);
    }
  }
  return broken;
}

}  // namespace qprompt::testing_support
