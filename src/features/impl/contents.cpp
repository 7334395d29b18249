#include "features/impl/contents.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>

#include "base/aten.h"
#include "qprompt/image.h"

namespace qprompt {
namespace {

constexpr int64_t kDigestBytes = 16;

[[noreturn]] void cannot_read(const std::string& path, int error) {
  fail(ErrorKind::kPath, "cannot read the image '", path, "': ", std::strerror(error),
       "; run 'qprompt data check' for the whole list");
}

Digest::Bytes digest_of_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) cannot_read(path, errno);
  Digest digest;
  std::vector<char> piece(size_t{1} << 18);
  for (;;) {
    const ssize_t got = ::read(file, piece.data(), piece.size());
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      ::close(file);
      cannot_read(path, error);
    }
    digest.update(piece.data(), static_cast<size_t>(got));
  }
  ::close(file);
  return digest.bytes();
}

int64_t nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Contents::Contents(std::string folder, const std::string& root, Log& log, int64_t settles)
    : root_(std::filesystem::absolute(root).lexically_normal().string()),
      settles_(settles),
      store_(std::move(folder), kDigestBytes, log) {}

Digest::Bytes Contents::digest(const std::string& path) {
  const std::string file = (std::filesystem::path(root_) / path).string();
  if (is_inside_archive(file)) {
    constexpr int64_t kMaxImageBytes = int64_t{256} << 20;
    const std::string bytes = read_image_file(file, kMaxImageBytes);
    Digest digest;
    digest.update(bytes.data(), bytes.size());
    ++reads_;
    return digest.bytes();
  }
  struct stat state {};
  if (::stat(file.c_str(), &state) != 0) cannot_read(file, errno);
  if (!S_ISREG(state.st_mode)) cannot_read(file, S_ISDIR(state.st_mode) ? EISDIR : EINVAL);
  Digest key;
  key.update_text(file);
  const int64_t marks[5]{int64_t{state.st_size}, nanoseconds(state.st_mtim),
                         nanoseconds(state.st_ctim), static_cast<int64_t>(state.st_ino),
                         static_cast<int64_t>(state.st_dev)};
  key.update(marks, sizeof marks);
  Digest::Bytes content;
  if (store_.find(key.bytes(), content.data())) return content;
  content = digest_of_file(file);
  ++reads_;
  const int64_t changed = std::max(state.st_mtim.tv_sec, state.st_ctim.tv_sec);
  const bool settled = std::time(nullptr) - changed >= settles_;
  if (store_.keeps() && settled) {
    new_keys_.push_back(key.bytes());
    new_digests_.push_back(content);
  }
  return content;
}

void Contents::save(Log& log) {
  const auto count = static_cast<int64_t>(new_keys_.size());
  const at::Tensor rows = at::empty({count, kDigestBytes}, at::kByte);  // (n, 16)
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(rows.data_ptr<uint8_t>() + i * kDigestBytes,
                new_digests_[static_cast<size_t>(i)].data(), kDigestBytes);
  }
  store_.add(new_keys_, rows, log);
  new_keys_.clear();
  new_digests_.clear();
}

}  // namespace qprompt
