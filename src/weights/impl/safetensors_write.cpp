#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/aten.h"
#include "base/files.h"
#include "qprompt/base.h"
#include "weights/impl/safetensors.h"

namespace qprompt {
namespace {

struct Placed {
  const std::string* name;
  const at::Tensor* tensor;
  uint64_t begin = 0, end = 0;
};

/// Data goes by falling value size, then name: every tensor is aligned without the holes that the
/// format forbids.
std::vector<Placed> place(const std::map<std::string, at::Tensor>& tensors,
                          const std::string& path) {
  std::vector<Placed> order;
  for (const auto& [name, tensor] : tensors) {
    if (name == "__metadata__") {
      fail(ErrorKind::kContent, "'", path, "': no tensor may be called __metadata__");
    }
    if (!tensor.defined() || tensor.layout() != at::kStrided ||
        safetensors_dtype_name(tensor.scalar_type()) == nullptr) {
      fail(ErrorKind::kContent, "'", path, "': tensor ", in_quotes(name),
           " is undefined, not dense or of a type that safetensors cannot hold");
    }
    order.push_back({&name, &tensor});
  }
  std::stable_sort(order.begin(), order.end(), [](const Placed& a, const Placed& b) {
    return a.tensor->element_size() > b.tensor->element_size();
  });
  uint64_t next = 0;
  for (auto& placed : order) {
    placed.begin = next;
    next += static_cast<uint64_t>(placed.tensor->numel()) * placed.tensor->element_size();
    placed.end = next;
  }
  return order;
}

std::string header_text(const std::vector<Placed>& order,
                        const std::map<std::string, std::string>& metadata,
                        const std::string& path) {
  nlohmann::json header = nlohmann::json::object();  // sorts its keys: same input, same bytes
  if (!metadata.empty()) header["__metadata__"] = metadata;
  for (const auto& placed : order) {
    header[*placed.name] = {{"dtype", safetensors_dtype_name(placed.tensor->scalar_type())},
                            {"shape", placed.tensor->sizes().vec()},
                            {"data_offsets", {placed.begin, placed.end}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    fail(ErrorKind::kContent, "'", path, "': a tensor's name or the metadata is not valid UTF-8");
  }
  text.append((8 - text.size() % 8) % 8, ' ');  // the data then begins at a multiple of 8
  if (text.size() > kMaxSafetensorsHeader) {
    fail(ErrorKind::kContent, "'", path, "': the header would take ", text.size(),
         " bytes; safetensors allows ", kMaxSafetensorsHeader);
  }
  return text;
}

}  // namespace

void write_safetensors(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::vector<Placed> order = place(tensors, path);
  const std::string header = header_text(order, metadata, path);
  const uint64_t length = header.size();
  AtomicFile file(path);
  file.write(&length, sizeof length);
  file.write(header.data(), header.size());
  for (const auto& placed : order) {
    const at::Tensor values = placed.tensor->detach().cpu().contiguous();
    file.write(values.data_ptr(), placed.end - placed.begin);
  }
  file.commit();
}

}  // namespace qprompt
