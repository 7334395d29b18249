// A library to be preloaded that makes one call fail, as SQLite's tests do it: each file operation
// below a folder in turn, or each allocation of the program itself.
//
// FAULT_ROOT: only files below it count. FAULT_AT: the number of the call that fails, from 1; 0:
// none. FAULT_KIND: "file" or "memory". FAULT_COUNT: a file that gets the number of calls seen.
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::atomic<long> seen{0};
std::atomic<bool> tracked[4096];   // descriptors of files below the root
thread_local bool inside = false;  // our own use of files does not count

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

bool kind_is(const char* kind) {
  const char* set = std::getenv("FAULT_KIND");
  return set != nullptr && std::strcmp(set, kind) == 0;
}

long fault_at() {
  const char* text = std::getenv("FAULT_AT");
  return text == nullptr ? 0 : std::atol(text);
}

bool below_root(const char* path) {
  const char* root = std::getenv("FAULT_ROOT");
  return root != nullptr && path != nullptr && std::strncmp(path, root, std::strlen(root)) == 0;
}

/// True when this call is the one that is to fail.
bool fails(int error) {
  static const bool files = kind_is("file");
  static const long at = fault_at();
  if (!files || inside) return false;
  if (++seen != at) return false;
  errno = error;
  return true;
}

bool is_tracked(int fd) { return fd >= 0 && fd < 4096 && tracked[fd]; }

int track(int fd, bool below) {
  if (fd >= 0 && fd < 4096) tracked[fd] = below;
  return fd;
}

struct Range {
  uintptr_t begin = 0, end = 0;
};

/// Where the program itself lies: the first object that the loader lists.
int find_program(struct dl_phdr_info* info, size_t, void* data) {
  auto* range = static_cast<Range*>(data);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    range->begin = info->dlpi_addr + header.p_vaddr;
    range->end = range->begin + header.p_memsz;
  }
  return 1;
}

void* allocate(size_t size, const void* caller) {
  static const bool memory = kind_is("memory");
  static const long at = fault_at();
  if (memory) {
    static const Range program = [] {
      Range range;
      dl_iterate_phdr(find_program, &range);
      return range;
    }();
    const auto place = reinterpret_cast<uintptr_t>(caller);
    if (place >= program.begin && place < program.end && ++seen == at) throw std::bad_alloc();
  }
  void* block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

struct Counter {
  ~Counter() {
    inside = true;
    const char* path = std::getenv("FAULT_COUNT");
    if (path == nullptr) return;
    if (FILE* file = std::fopen(path, "w")) {
      std::fprintf(file, "%ld\n", seen.load());
      std::fclose(file);
    }
  }
} counter;

int open_file(const char* name, const char* path, int flags, mode_t mode) {
  const bool below = below_root(path);
  if (below && fails(EIO)) return -1;
  return track(next<int(const char*, int, mode_t)>(name)(path, flags, mode), below);
}

}  // namespace

void* operator new(size_t size) { return allocate(size, __builtin_return_address(0)); }
void* operator new[](size_t size) { return allocate(size, __builtin_return_address(0)); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, size_t) noexcept { std::free(block); }
void operator delete[](void* block, size_t) noexcept { std::free(block); }

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return open_file("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return open_file("open64", path, flags, mode);
}

int close(int fd) {
  track(fd, false);
  return next<int(int)>("close")(fd);
}

ssize_t read(int fd, void* data, size_t size) {
  if (is_tracked(fd) && fails(EIO)) return -1;
  return next<ssize_t(int, void*, size_t)>("read")(fd, data, size);
}

ssize_t pread64(int fd, void* data, size_t size, off64_t at) {
  if (is_tracked(fd) && fails(EIO)) return -1;
  return next<ssize_t(int, void*, size_t, off64_t)>("pread64")(fd, data, size, at);
}

ssize_t pread(int fd, void* data, size_t size, off_t at) { return pread64(fd, data, size, at); }

ssize_t write(int fd, const void* data, size_t size) {
  if (is_tracked(fd) && fails(ENOSPC)) return -1;
  return next<ssize_t(int, const void*, size_t)>("write")(fd, data, size);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  if (is_tracked(fd) && fails(ENOSPC)) return -1;
  return next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64")(fd, data, size, at);
}

int fsync(int fd) {
  if (is_tracked(fd) && fails(EIO)) return -1;
  return next<int(int)>("fsync")(fd);
}

int fdatasync(int fd) {
  if (is_tracked(fd) && fails(EIO)) return -1;
  return next<int(int)>("fdatasync")(fd);
}

int ftruncate64(int fd, off64_t size) {
  if (is_tracked(fd) && fails(ENOSPC)) return -1;
  return next<int(int, off64_t)>("ftruncate64")(fd, size);
}

int rename(const char* from, const char* to) {
  if (below_root(to) && fails(EIO)) return -1;
  return next<int(const char*, const char*)>("rename")(from, to);
}

int unlink(const char* path) {
  if (below_root(path) && fails(EIO)) return -1;
  return next<int(const char*)>("unlink")(path);
}

int mkdir(const char* path, mode_t mode) {
  if (below_root(path) && fails(EACCES)) return -1;
  return next<int(const char*, mode_t)>("mkdir")(path, mode);
}

int fstat(int fd, struct stat* info) {
  if (is_tracked(fd) && fails(EIO)) return -1;
  return next<int(int, struct stat*)>("fstat")(fd, info);
}

int stat(const char* path, struct stat* info) {
  if (below_root(path) && fails(EIO)) return -1;
  return next<int(const char*, struct stat*)>("stat")(path, info);
}

void* mmap(void* place, size_t size, int protection, int flags, int fd, off_t at) {
  if (is_tracked(fd) && fails(ENOMEM)) return MAP_FAILED;
  return next<void*(void*, size_t, int, int, int, off_t)>("mmap")(place, size, protection, flags,
                                                                  fd, at);
}

}  // extern "C"
