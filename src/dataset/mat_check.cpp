#include "dataset/mat_check.h"

#include "qprompt/base.h"

namespace qprompt::dataset {

void check_mat_file(const std::string& file) {
  constexpr int64_t kMaxBytes = int64_t{64} << 20;
  const std::string bytes = read_file(file, kMaxBytes);
  (void)bytes;
}

}  // namespace qprompt::dataset
