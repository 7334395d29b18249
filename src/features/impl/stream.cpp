#include "features/impl/stream.h"

#include "base/aten.h"

namespace qprompt {
namespace {

constexpr int64_t kBatchesAhead = 2;

/// Consecutive items: the pixels of those that were loaded, and the reasons of the others.
struct Batch {
  std::vector<at::Tensor> pixels;  // each (3, R, R)
  std::vector<Encoded> items;
};

Batch collect(Prefetch& prefetch, int64_t count) {
  Batch batch;
  for (int64_t i = 0; i < count; ++i) {
    Loaded loaded = prefetch.next();
    batch.items.push_back({{}, loaded.reason, loaded.kind});
    if (loaded.pixels.defined()) batch.pixels.push_back(std::move(loaded.pixels));
  }
  return batch;
}

void encode(const Clip& clip, const StreamOptions& options, Batch& batch) {
  if (batch.pixels.empty()) return;
  const at::Tensor features =
      clip.encode_image(at::stack(batch.pixels), options.prompts).cpu();  // (b, E)
  int64_t row = 0;
  for (Encoded& item : batch.items) {
    if (item.reason.empty()) item.features = features[row++];
  }
}

}  // namespace

void encode_stream(const Clip& clip, const Source& source, const StreamOptions& options,
                   const std::function<void(int64_t, const Encoded&)>& use) {
  const at::NoGradGuard no_grad;
  Prefetch prefetch(source, options.threads, kBatchesAhead * options.batch);
  for (int64_t begin = 0; begin < source.count; begin += options.batch) {
    Batch batch = collect(prefetch, std::min(options.batch, source.count - begin));
    encode(clip, options, batch);
    for (size_t i = 0; i < batch.items.size(); ++i) {
      use(begin + static_cast<int64_t>(i), batch.items[i]);
    }
  }
}

}  // namespace qprompt
