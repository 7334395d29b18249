#include "weights/impl/byte_range.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <limits>

#include "base/aten.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensor files are little-endian and are mapped as they are");

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

class Mapping {
 public:
  Mapping(void* at, size_t size) : at_(at), size_(size) {}
  ~Mapping() { ::munmap(at_, size_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

 private:
  void* at_;
  size_t size_;
};

[[noreturn]] void fail_errno(const std::string& path, int error) {
  fail(ErrorKind::kPath, "cannot read '", path, "': ", std::strerror(error));
}

/// Gives the whole pages inside the range back to the kernel, so that a copy does not count twice.
void drop_pages(const uint8_t* data, size_t size) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(data) + size) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace

ByteRange map_file(const std::string& path) {
  // Without O_NONBLOCK the opening of a named pipe would wait for a writer for ever.
  Descriptor d{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (d.fd < 0) fail_errno(path, errno);
  struct stat info {};
  if (::fstat(d.fd, &info) != 0) fail_errno(path, errno);
  if (S_ISDIR(info.st_mode)) {
    fail(ErrorKind::kPath, "'", path, "' is a folder; a file of tensors was expected");
  }
  if (!S_ISREG(info.st_mode)) {
    fail(ErrorKind::kPath, "'", path, "' is not a regular file and cannot be mapped");
  }
  ByteRange bytes{path, nullptr, nullptr, static_cast<size_t>(info.st_size), true};
  if (bytes.size == 0) return bytes;  // mmap refuses an empty range
  void* at = ::mmap(nullptr, bytes.size, PROT_READ, MAP_PRIVATE, d.fd, 0);
  if (at == MAP_FAILED) fail_errno(path, errno);
  bytes.owner = std::make_shared<Mapping>(at, bytes.size);
  bytes.data = static_cast<const uint8_t*>(at);
  return bytes;
}

ByteRange own_bytes(std::string source, std::string bytes) {
  auto owner = std::make_shared<const std::string>(std::move(bytes));
  const auto* data = reinterpret_cast<const uint8_t*>(owner->data());
  const size_t size = owner->size();
  return {std::move(source), std::move(owner), data, size, false};
}

ByteRange sub_range(const ByteRange& bytes, size_t offset, size_t size) {
  return {bytes.source, bytes.owner, bytes.data + offset, size, bytes.mapped};
}

at::Tensor tensor_of(const ByteRange& bytes, at::IntArrayRef sizes, at::ScalarType dtype) {
  const size_t item = c10::elementSize(dtype);
  const size_t needed = static_cast<size_t>(checked_numel(sizes).value()) * item;
  if (needed == 0) return at::empty(sizes, dtype);
  if (reinterpret_cast<uintptr_t>(bytes.data) % item == 0) {
    return at::from_blob(
        const_cast<uint8_t*>(bytes.data), sizes,
        [owner = bytes.owner](void*) mutable { owner.reset(); }, at::TensorOptions(dtype));
  }
  at::Tensor copy = at::empty(sizes, dtype);
  std::memcpy(copy.data_ptr(), bytes.data, needed);
  if (bytes.mapped) drop_pages(bytes.data, needed);
  return copy;
}

std::optional<int64_t> checked_numel(at::IntArrayRef sizes) {
  int64_t numel = 1;
  bool empty = false;
  for (const int64_t size : sizes) {
    if (size < 0) return std::nullopt;
    if (size == 0) empty = true;
    if (size > 1 && numel > std::numeric_limits<int64_t>::max() / size) return std::nullopt;
    numel *= std::max<int64_t>(size, 1);
  }
  return empty ? 0 : numel;
}

bool holds_only_bools(const ByteRange& bytes) {
  return std::all_of(bytes.data, bytes.data + bytes.size, [](uint8_t b) { return b <= 1; });
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kLongest = 120;
  std::string out = "'";
  for (const char c : text.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  return out + (text.size() > kLongest ? "…'" : "'");
}

}  // namespace qprompt
