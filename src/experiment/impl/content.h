// Digests of what image files hold. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "qprompt/dataset.h"

namespace qprompt {

/// One text an item: a digest of the file's bytes, or "unreadable".
std::vector<std::string> contents_of(const std::string& image_root,
                                     const std::vector<Item>& items);

}  // namespace qprompt
