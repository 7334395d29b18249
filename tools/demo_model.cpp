#include "demo_model.h"

#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace qprompt::demo {
namespace {

constexpr float kMean[3] = {0.48145466F, 0.4578275F, 0.40821073F};
constexpr float kStd[3] = {0.26862954F, 0.26130258F, 0.27577711F};

constexpr size_t kLengthBytes = 8;  // a safetensors file starts with the length of its header

uint64_t little_endian(const std::string& bytes) {
  uint64_t value = 0;
  for (size_t i = kLengthBytes; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes.at(i));
  return value;
}

}  // namespace

plain::PlainClipConfig demo_config(const Bpe& bpe) {
  plain::PlainClipConfig config;
  config.embed_dim = 64;
  config.image_resolution = kSide;
  config.patch_size = 7;
  config.vision_width = 128;
  config.vision_layers = 4;
  config.context_length = 32;
  config.vocab_size = static_cast<int64_t>(bpe.size());
  config.text_width = 128;
  config.text_layers = 3;
  config.quick_gelu = true;
  return config;
}

torch::Tensor ids_of(const Bpe& bpe, const std::vector<std::string>& texts) {
  std::vector<std::vector<int64_t>> rows;
  size_t length = 0;
  for (const std::string& text : texts) {
    rows.push_back(bpe.encode(text));
    length = std::max(length, rows.back().size());
  }
  torch::Tensor ids = torch::zeros(  // (C, L)
      {static_cast<int64_t>(texts.size()), static_cast<int64_t>(length)}, torch::kInt64);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy(rows[i].begin(), rows[i].end(), ids.data_ptr<int64_t>() + i * length);
  }
  return ids;
}

torch::Tensor pixels_of(const std::vector<Picture>& pictures) {
  torch::Tensor pixels =  // (B, 3, R, R)
      torch::empty({static_cast<int64_t>(pictures.size()), 3, kSide, kSide});
  float* out = pixels.data_ptr<float>();
  for (const Picture& picture : pictures) {
    for (int c = 0; c < 3; ++c) {
      for (int i = 0; i < kGreyBytes; ++i) {
        *out++ = (static_cast<float>(picture[3 * i + c]) / 255.0F - kMean[c]) / kStd[c];
      }
    }
  }
  return pixels;
}

void settle_text_scale(plain::PlainClip& clip) {
  constexpr double kEmbeddingRms = 0.01;  // over the whole vocabulary
  torch::NoGradGuard no_grad;
  const double rms = clip->token_embedding->weight.square().mean().sqrt().item<double>();
  const double factor = kEmbeddingRms / rms;
  clip->token_embedding->weight.mul_(factor);
  clip->positional_embedding.mul_(factor);
  for (plain::Block& block : clip->transformer->blocks) {
    for (torch::nn::Linear& writer :
         {std::ref(block->attn->out_proj), std::ref(block->mlp->c_proj)}) {
      writer->weight.mul_(factor);
      writer->bias.mul_(factor);
    }
  }
}

void round_to_half(plain::PlainClip& clip) {
  torch::NoGradGuard no_grad;
  for (torch::Tensor& parameter : clip->parameters()) {
    parameter.copy_(parameter.to(torch::kHalf));
  }
}

void save_model(plain::PlainClip& clip, const std::filesystem::path& path) {
  std::map<std::string, torch::Tensor> tensors;  // sorted by name
  for (const auto& item : clip->named_parameters()) {
    tensors[item.key()] = item.value().detach().to(torch::kHalf).contiguous();
  }
  nlohmann::ordered_json header;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size();
    data.append(static_cast<const char*>(tensor.data_ptr()), tensor.nbytes());
    header[name] = {{"dtype", "F16"},
                    {"shape", std::vector<int64_t>(tensor.sizes().begin(), tensor.sizes().end())},
                    {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string length(kLengthBytes, '\0');
  for (size_t i = 0; i < kLengthBytes; ++i) length[i] = static_cast<char>(text.size() >> 8 * i);
  write_bytes(path, length + text + data);
}

void load_model(plain::PlainClip& clip, const std::filesystem::path& path) {
  torch::NoGradGuard no_grad;
  const std::string bytes = read_bytes(path);
  const size_t start = kLengthBytes + little_endian(bytes);
  const auto header = nlohmann::json::parse(bytes.substr(kLengthBytes, start - kLengthBytes));
  for (auto& item : clip->named_parameters()) {
    torch::Tensor& parameter = item.value();
    const nlohmann::json& entry = header.at(item.key());
    const auto shape = entry.at("shape").get<std::vector<int64_t>>();
    const auto offsets = entry.at("data_offsets").get<std::vector<size_t>>();
    torch::Tensor half = torch::empty(shape, torch::kHalf);  // the parameter's shape
    if (parameter.sizes() != half.sizes() || offsets.at(1) - offsets.at(0) != half.nbytes() ||
        start + offsets.at(1) > bytes.size()) {
      throw std::runtime_error(path.string() + ": " + item.key() + " has another shape");
    }
    std::memcpy(half.data_ptr(), bytes.data() + start + offsets.at(0), half.nbytes());
    parameter.copy_(half);
  }
}

}  // namespace qprompt::demo
