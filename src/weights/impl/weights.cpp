#include "qprompt/weights.h"

#include "qprompt/base.h"
#include "weights/impl/archive.h"
#include "weights/impl/legacy_archive.h"
#include "weights/impl/pickle.h"
#include "weights/impl/safetensors.h"

namespace qprompt {
namespace {

bool begins_with(const ByteRange& file, std::string_view start) {
  return file.text().substr(0, start.size()) == start;
}

/// A safetensors header's first byte. It is asked for first: the length before it can take any
/// value, that of "PK" or of a pickle's first bytes among them; a zip archive's ninth byte is never
/// '{'.
bool looks_like_safetensors(const ByteRange& file) { return file.size > 8 && file.data[8] == '{'; }

bool looks_like_pickle(const ByteRange& file) {
  return file.size > 2 && file.data[0] == 0x80 && file.data[1] >= 2 && file.data[1] <= 5;
}

}  // namespace

const at::Tensor& WeightStore::at(const std::string& name) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) {
    fail(ErrorKind::kContent, "'", source, "' has no tensor ", in_quotes(name), " among its ",
         tensors.size(), "; is it the right file?");
  }
  return found->second;
}

PickleTree read_pickle(const std::string& path) {
  const ByteRange file = map_file(path);
  if (!looks_like_pickle(file)) {
    fail(ErrorKind::kContent, "'", path, "' is no pickle of protocol 2 to 5 (first bytes ",
         in_quotes(file.text().substr(0, 16)), "); get or write it again");
  }
  return parse_pickle(file.text(), path);
}

WeightStore read_safetensors(const std::string& path) { return parse_safetensors(map_file(path)); }

WeightStore read_weights(const std::string& path) {
  const ByteRange file = map_file(path);
  if (file.size == 0) fail(ErrorKind::kContent, "'", path, "' is empty; get or write it again");
  if (looks_like_safetensors(file)) return parse_safetensors(file);
  if (begins_with(file, "PK")) return flatten_pickle(parse_archive(file), path);
  if (looks_like_legacy_archive(file)) return flatten_pickle(parse_legacy_archive(file), path);
  if (looks_like_pickle(file)) {
    fail(ErrorKind::kContent, "'", path,
         "' is a pickle that torch did not write (its magic number is missing); save the tensors "
         "with torch.save");
  }
  if (begins_with(file, "version https://git-lfs")) {
    fail(ErrorKind::kContent, "'", path,
         "' is only a Git LFS pointer to the weights; fetch them with `git lfs pull`");
  }
  fail(ErrorKind::kContent, "'", path,
       "' is neither a safetensors file nor a torch archive (first ", "bytes ",
       in_quotes(file.text().substr(0, 16)), "); get or write it again");
}

}  // namespace qprompt
