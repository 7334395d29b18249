#include "qprompt/base.h"

#include "base/aten.h"

namespace qprompt {
namespace {

std::string describe(at::IntArrayRef sizes) {
  std::ostringstream out;
  out << '[';
  for (size_t i = 0; i < sizes.size(); ++i) {
    out << (i ? ", " : "") << (sizes[i] < 0 ? "any" : std::to_string(sizes[i]));
  }
  out << ']';
  return out.str();
}

}  // namespace

void check_shape(const at::Tensor& tensor, std::initializer_list<int64_t> sizes,
                 std::string_view what) {
  bool same = tensor.defined() && tensor.dim() == static_cast<int64_t>(sizes.size());
  size_t axis = 0;
  for (int64_t size : sizes) {
    same = same && (size < 0 || tensor.size(static_cast<int64_t>(axis)) == size);
    ++axis;
  }
  if (same) return;
  fail(ErrorKind::kContent, what, ": expected shape ",
       describe(at::IntArrayRef(sizes.begin(), sizes.size())), ", got ",
       tensor.defined() ? describe(tensor.sizes()) : std::string("no tensor"));
}

void check_finite(const at::Tensor& tensor, std::string_view what) {
  if (!tensor.is_floating_point() || at::isfinite(tensor).all().item<bool>()) return;
  fail(ErrorKind::kContent, what,
       ": holds NaN or infinity; the file is damaged or the values diverged");
}

}  // namespace qprompt
