// What computes, how long and in how much memory.
#pragma once

#include <cstdint>
#include <string>

namespace qprompt {

/// What computes: for run records.
struct RuntimeInfo {
  std::string torch, blas, allocator;  ///< version; file name or "(part of LibTorch)"; freed memory
  bool slow_blas = false;              ///< the reference BLAS, far slower than OpenBLAS
  int64_t threads = 1;
};
RuntimeInfo runtime_info();
/// Sets the threads of ATen and BLAS (< 1: all cores); has glibc keep freed memory. Call it once.
void configure_runtime(int64_t threads);
/// Seconds since an arbitrary start, and this process's peak resident bytes.
double now_seconds();
int64_t peak_memory_bytes();

}  // namespace qprompt
