// Images through the tower in batches, decoded ahead. Private to the room.
#pragma once

#include <functional>

#include "features/impl/prefetch.h"
#include "qprompt/clip.h"

namespace qprompt {

struct StreamOptions {
  int64_t batch = 16;
  int64_t threads = 1;
  ImagePrompts prompts = {};  ///< learned rows of the image tower
};

/// What became of one item.
struct Encoded {
  at::Tensor features;  ///< (E) float32 on the CPU; undefined where loading failed
  std::string reason;
  ErrorKind kind = ErrorKind::kContent;
};

/// Encodes every item of the source and hands it to `use` in order, while the next ones are being
/// decoded. Items that cannot be loaded take no place in a batch. What `use` throws ends it.
void encode_stream(const Clip& clip, const Source& source, const StreamOptions& options,
                   const std::function<void(int64_t, const Encoded&)>& use);

}  // namespace qprompt
