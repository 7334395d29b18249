#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <torch/version.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <filesystem>
#include <future>
#include <mutex>
#include <new>
#include <thread>

#include "base/aten.h"
#include "base/runtime.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

constexpr int kKeptBytes = 1 << 30;

/// The first loaded library whose file name looks like a BLAS, links resolved.
int find_blas(struct dl_phdr_info* info, size_t, void* found) {
  const std::string path = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  const std::string file = path.substr(path.rfind('/') + 1);
  for (const char* sign : {"libopenblas", "libmkl_", "libblis", "libblas", "libarmpl"}) {
    if (file.rfind(sign, 0) != 0) continue;
    std::error_code error;
    const auto real = std::filesystem::canonical(path, error);
    *static_cast<std::string*>(found) = error ? path : real.string();
    return 1;
  }
  return 0;
}

/// A function of the BLAS by its name, where the loaded one has it.
template <class Function>
Function* blas_function(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

/// OpenBLAS built with threads of its own (0: none, 1: its own, 2: OpenMP's, as LibTorch's are).
bool has_own_threads() {
  const auto parallel = blas_function<int()>("openblas_get_parallel");
  return parallel != nullptr && parallel() == 1;
}

/// Keeps idle threads from spinning. GNU's OpenMP lets a thread that waits for the others spin for
/// milliseconds, and on a machine that is busy it so keeps the core that they need; only when it
/// manages more threads than there are cores do its threads go to sleep at once. One more team
/// that does nothing brings it there, where an environment variable would come too late.
void let_idle_threads_sleep(int threads) {
  static std::once_flag once;
  std::call_once(once, [threads] {
    std::promise<void> ready;
    // LibTorch's own parallel loops would set up its other pools from this thread, and race with
    // the end of a short program.
    std::thread([threads, &ready] {
#pragma omp parallel num_threads(threads)
      {}
      ready.set_value();
      std::promise<void>().get_future().wait();  // never: the team lives as long as its thread
    }).detach();
    ready.get_future().wait();
  });
}

/// OpenBLAS asks for its work space at the first product, and where it gets none asks again for
/// ever. Under a limit of the address space it is asked for here, once it is known that it can be
/// had.
void take_blas_space(int threads) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  if (blas_function<int()>("openblas_get_num_threads") == nullptr) return;
  constexpr size_t kBuffer = size_t{160} << 20;  // 128 MiB and what aligns it
  std::vector<void*> blocks;
  for (int i = 0; i < threads; ++i) {
    blocks.push_back(::mmap(nullptr, kBuffer, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  }
  bool had = true;
  for (void* block : blocks) {
    had = had && block != MAP_FAILED;
    if (block != MAP_FAILED) ::munmap(block, kBuffer);
  }
  if (!had) throw std::bad_alloc();
  const at::Tensor some = at::ones({256, 256});  // (256, 256)
  at::mm(some, some);
}

}  // namespace

RuntimeInfo runtime_info() {
  RuntimeInfo info;
  info.torch = TORCH_VERSION;
  info.threads = at::get_num_threads();
#ifdef __GLIBC__
  info.allocator = cat("glibc, freed blocks up to ", kKeptBytes >> 20, " MiB are kept, one arena");
#else
  info.allocator = "the system's";
#endif
  std::string path;
  dl_iterate_phdr(find_blas, &path);
  info.blas = path.empty() ? "(part of LibTorch)" : path.substr(path.rfind('/') + 1);
  // Debian's reference BLAS is <libdir>/blas/libblas.so.3; the fast ones live elsewhere.
  info.slow_blas = path.find("/blas/libblas.so") != std::string::npos;
  if (path.find("openblas") != std::string::npos &&
      info.blas.find("openblas") == std::string::npos) {
    info.blas = "OpenBLAS (" + info.blas + ")";
  }
  if (const auto threads = blas_function<int()>("openblas_get_num_threads")) {
    info.blas += cat(", ", threads(), has_own_threads() ? " of its own threads" : " threads");
  }
  return info;
}

void configure_runtime(int64_t threads) {
  const auto cores = static_cast<int64_t>(std::max(1u, std::thread::hardware_concurrency()));
  const int count = static_cast<int>(threads < 1 ? cores : threads);
  at::set_num_threads(count);
  if (count > 1) let_idle_threads_sleep(count);
  // Two pools get into each other's way: an idle thread of OpenMP spins for milliseconds on the
  // core that a thread of the BLAS waits for, which made training three times slower than one
  // thread alone (docs/performance.md). One pool computes: LibTorch's.
  if (const auto set = blas_function<void(int)>("openblas_set_num_threads")) {
    set(has_own_threads() ? 1 : count);
  }
#ifdef __GLIBC__
  // Each step asks for the same large blocks; given back to the system, they would return as fresh
  // pages to be faulted in one by one.
  mallopt(M_MMAP_THRESHOLD, kKeptBytes);
  mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  // One arena: those of other threads come in pieces of 64 MiB, which large blocks fill badly.
  mallopt(M_ARENA_MAX, 1);
#endif
  take_blas_space(count);
}

}  // namespace qprompt
