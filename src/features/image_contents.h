// What image files hold, for identities of lists.
#pragma once

#include <string>
#include <vector>

#include "qprompt/features.h"

namespace qprompt {

/// A digest of each item's file, 32 digits, or "unreadable". They are kept in the cache, so that a
/// file is read again only when its size, times or inode changed.
std::vector<std::string> image_contents(const std::string& image_root,
                                        const std::vector<Item>& items,
                                        const FeatureOptions& options);

}  // namespace qprompt
