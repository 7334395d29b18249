// Any bytes as each of a model's configuration files: sizes that were checked, or an Error.
#include <filesystem>
#include <string>

#include "checkpoint/impl/layouts.h"
#include "checkpoint/impl/preprocess.h"
#include "checkpoint/impl/wrappers.h"
#include "scratch_file.h"

namespace {

template <class Action>
void attempt(Action action) {
  try {
    action();
  } catch (const qprompt::Error& error) {
    if (error.kind() != qprompt::ErrorKind::kContent && error.kind() != qprompt::ErrorKind::kPath) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace qprompt;
  static const ScratchFile hugging_face("config.json"), open_clip("open_clip_config.json");
  static const ScratchFile preprocessor("preprocessor_config.json"), index("m.index.json");
  static const auto folder_of = [](const ScratchFile& file) {
    return std::filesystem::path(file.path()).parent_path().string();
  };
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const ScratchFile* file : {&hugging_face, &open_clip, &preprocessor, &index}) {
    file->write(bytes);
  }
  attempt([] {
    const auto found = checkpoint::read_hugging_face_config(folder_of(hugging_face));
    checkpoint::check_architecture(found, "fuzz");
  });
  attempt([] {
    const auto found = checkpoint::read_open_clip_config(folder_of(open_clip));
    checkpoint::check_architecture(found, "fuzz");
  });
  attempt([] {
    ClipConfig config;
    config.image_size = 224;
    checkpoint::read_hf_preprocessor(folder_of(preprocessor), config);
    if (!(config.normalization.divisor > 0)) std::abort();
  });
  attempt([] { checkpoint::read_shards(index.path()); });
  return 0;
}
