#include "experiment/impl/content.h"

#include <filesystem>

#include "qprompt/weights.h"

namespace qprompt {

std::vector<std::string> contents_of(const std::string& image_root,
                                     const std::vector<Item>& items) {
  constexpr int64_t kMaxImageFile = int64_t{1} << 30;
  std::vector<std::string> out;
  out.reserve(items.size());
  for (const Item& item : items) {
    try {
      const std::string bytes =
          read_file((std::filesystem::path(image_root) / item.path).string(), kMaxImageFile);
      Digest digest;
      digest.update(bytes.data(), bytes.size());
      out.push_back(digest.hex());
    } catch (const Error&) {
      out.push_back("unreadable");  // who needs the image says why
    }
  }
  return out;
}

}  // namespace qprompt
