#include "features/impl/store.h"

#include <algorithm>
#include <filesystem>

#include "base/aten.h"
#include "features/impl/cache_folder.h"

namespace qprompt {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kKeyBytes = 16;

std::string content_digest(const at::Tensor& keys, const at::Tensor& rows) {
  Digest digest;
  digest.update(keys.data_ptr(), static_cast<size_t>(keys.nbytes()));
  digest.update(rows.data_ptr(), static_cast<size_t>(rows.nbytes()));
  return digest.hex();
}

}  // namespace

RowStore::RowStore(std::string folder, int64_t row_bytes, Log& log)
    : folder_(std::move(folder)), row_bytes_(row_bytes) {
  if (folder_.empty()) return;
  std::vector<std::string> paths;
  std::error_code error;
  fs::directory_iterator entry(folder_, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    if (is_cache_file(entry->path().string()) && entry->is_regular_file(gone)) {
      paths.push_back(entry->path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    if (load(path, log)) continue;
    fs::remove(path, error);  // a damaged file is of no use to anybody; it will be made again
  }
}

bool RowStore::load(const std::string& path, Log& log) {
  try {
    const WeightStore file = read_safetensors(path);
    const at::Tensor keys = file.at("keys");  // (n, 16) uint8
    const at::Tensor rows = file.at("rows");  // (n, row_bytes) uint8
    check_shape(keys, {-1, kKeyBytes}, path + ": keys");
    check_shape(rows, {keys.size(0), row_bytes_}, path + ": rows");
    const auto digest = file.metadata.find("digest");
    if (keys.scalar_type() != at::kByte || rows.scalar_type() != at::kByte ||
        digest == file.metadata.end() || digest->second != content_digest(keys, rows)) {
      fail(ErrorKind::kContent, "the content does not match its digest");
    }
    for (int64_t i = 0; i < keys.size(0); ++i) {
      Digest::Bytes key;
      std::memcpy(key.data(), keys.data_ptr<uint8_t>() + i * kKeyBytes, kKeyBytes);
      where_.emplace(key, std::make_pair(files_.size(), i));
    }
    files_.push_back(rows);
    return true;
  } catch (const Error& e) {
    log.warn(cat("feature cache: '", path, "' is damaged and is not used (", e.what(), ")"));
    return false;
  }
}

bool RowStore::find(const Digest::Bytes& key, void* row) const {
  const auto found = where_.find(key);
  if (found == where_.end()) return false;
  const auto [file, index] = found->second;
  std::memcpy(row, files_[file].data_ptr<uint8_t>() + index * row_bytes_,
              static_cast<size_t>(row_bytes_));
  return true;
}

void RowStore::add(const std::vector<Digest::Bytes>& keys, const at::Tensor& rows, Log& log) {
  if (folder_.empty() || keys.empty()) return;
  try {
    make_folder(folder_);
    at::Tensor key_rows =
        at::empty({static_cast<int64_t>(keys.size()), kKeyBytes}, at::kByte);  // (n, 16)
    for (size_t i = 0; i < keys.size(); ++i) {
      std::memcpy(key_rows.data_ptr<uint8_t>() + i * kKeyBytes, keys[i].data(), kKeyBytes);
    }
    const at::Tensor content = rows.contiguous();  // (n, row_bytes)
    const std::string digest = content_digest(key_rows, content);
    write_safetensors(folder_ + "/" + digest + ".safetensors",
                      {{"keys", key_rows}, {"rows", content}}, {{"digest", digest}});
  } catch (const Error& e) {
    log.warn(cat("feature cache: nothing was kept (", e.what(), ")"));
  }
}

}  // namespace qprompt
