#include "checkpoint/find_model.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "qprompt/base.h"

namespace qprompt {
namespace {

namespace fs = std::filesystem;

/// A model that can be asked for by name and tag. Files are those of the packages `clip` and
/// `open_clip`; a digest of eight digits is the beginning that OpenCLIP writes into a file's name.
struct PublishedModel {
  std::string_view name, tag;
  std::string_view file, sha256;  ///< empty: only in a repository
  std::string_view repository;    ///< of Hugging Face
  std::string_view activation;    ///< of the bare file
};

constexpr std::string_view kOpenAi = "openai", kQuick = "quick_gelu", kGelu = "gelu";

constexpr std::array<PublishedModel, 28> kPublished{
    {{"RN50", kOpenAi, "RN50.pt",
      "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762", "", kQuick},
     {"RN101", kOpenAi, "RN101.pt",
      "8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599", "", kQuick},
     {"RN50x4", kOpenAi, "RN50x4.pt",
      "7e526bd135e493cef0776de27d5f42653e6b4c8bf9e0f653bb11773263205fdd", "", kQuick},
     {"RN50x16", kOpenAi, "RN50x16.pt",
      "52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa", "", kQuick},
     {"RN50x64", kOpenAi, "RN50x64.pt",
      "be1cfb55d75a9666199fb2206c106743da0f6468c9d327f3e0d0a543a9919d9c", "", kQuick},
     {"ViT-B-32", kOpenAi, "ViT-B-32.pt",
      "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
      "openai/clip-vit-base-patch32", kQuick},
     {"ViT-B-16", kOpenAi, "ViT-B-16.pt",
      "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
      "openai/clip-vit-base-patch16", kQuick},
     {"ViT-L-14", kOpenAi, "ViT-L-14.pt",
      "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
      "openai/clip-vit-large-patch14", kQuick},
     {"ViT-L-14-336", kOpenAi, "ViT-L-14-336px.pt",
      "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
      "openai/clip-vit-large-patch14-336", kQuick},
     {"RN50-quickgelu", "yfcc15m", "rn50-quickgelu-yfcc15m-455df137.pt", "455df137", "", kQuick},
     {"RN50-quickgelu", "cc12m", "rn50-quickgelu-cc12m-f000538c.pt", "f000538c", "", kQuick},
     {"RN101-quickgelu", "yfcc15m", "rn101-quickgelu-yfcc15m-3e04b30e.pt", "3e04b30e", "", kQuick},
     {"ViT-B-32-quickgelu", "laion400m_e31", "vit_b_32-quickgelu-laion400m_e31-d867053b.pt",
      "d867053b", "", kQuick},
     {"ViT-B-32-quickgelu", "laion400m_e32", "vit_b_32-quickgelu-laion400m_e32-46683a32.pt",
      "46683a32", "", kQuick},
     {"ViT-B-32", "laion2b_e16", "vit_b_32-laion2b_e16-af8dbd0c.pth", "af8dbd0c", "", kGelu},
     {"ViT-B-32", "laion2b_s34b_b79k", "", "", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", ""},
     {"ViT-B-32", "datacomp_xl_s13b_b90k", "", "", "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", ""},
     {"ViT-B-16", "laion400m_e31", "vit_b_16-laion400m_e31-00efa78f.pt", "00efa78f", "", kGelu},
     {"ViT-B-16", "laion400m_e32", "vit_b_16-laion400m_e32-55e67d44.pt", "55e67d44", "", kGelu},
     {"ViT-B-16", "laion2b_s34b_b88k", "", "", "laion/CLIP-ViT-B-16-laion2B-s34B-b88K", ""},
     {"ViT-B-16", "datacomp_xl_s13b_b90k", "", "", "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K", ""},
     {"ViT-L-14", "laion400m_e31", "vit_l_14-laion400m_e31-69988bb6.pt", "69988bb6", "", kGelu},
     {"ViT-L-14", "laion400m_e32", "vit_l_14-laion400m_e32-3d133497.pt", "3d133497", "", kGelu},
     {"ViT-L-14", "laion2b_s32b_b82k", "", "", "laion/CLIP-ViT-L-14-laion2B-s32B-b82K", ""},
     {"ViT-L-14", "datacomp_xl_s13b_b90k", "", "", "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", ""},
     {"ViT-H-14", "laion2b_s32b_b79k", "", "", "laion/CLIP-ViT-H-14-laion2B-s32B-b79K", ""},
     {"ViT-B-16-plus-240", "laion400m_e31", "vit_b_16_plus_240-laion400m_e31-8fb26589.pt",
      "8fb26589", "", kGelu},
     {"ViT-B-16-plus-240", "laion400m_e32", "vit_b_16_plus_240-laion400m_e32-699c4b84.pt",
      "699c4b84", "", kGelu}}};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Where `clip` and `open_clip` download files to.
fs::path clip_downloads() { return fs::path(variable("HOME")) / ".cache" / "clip"; }

/// Hugging Face's cache of repositories.
fs::path hugging_face_cache() {
  if (const std::string cache = variable("HF_HUB_CACHE"); !cache.empty()) return cache;
  if (const std::string home = variable("HF_HOME"); !home.empty()) return fs::path(home) / "hub";
  const std::string xdg = variable("XDG_CACHE_HOME");
  const fs::path cache = xdg.empty() ? fs::path(variable("HOME")) / ".cache" : fs::path(xdg);
  return cache / "huggingface" / "hub";
}

/// "openai/clip-vit-base-patch16" → models--openai--clip-vit-base-patch16.
fs::path repository_folder(const std::string& repository) {
  std::string name = "models--";
  for (const char c : repository) name += c == '/' ? "--" : std::string(1, c);
  return hugging_face_cache() / name;
}

/// The snapshot of a repository that its `main` names, else the last of its names that there is.
std::string find_snapshot(const std::string& repository) {
  constexpr int64_t kMaxReference = 4096;
  const fs::path folder = repository_folder(repository);
  std::error_code error;
  if (const fs::path main = folder / "refs" / "main"; fs::is_regular_file(main, error)) {
    std::string hash = read_file(main.string(), kMaxReference);
    while (!hash.empty() && (hash.back() == '\n' || hash.back() == ' ')) hash.pop_back();
    const bool plain = hash.find('/') == std::string::npos && hash != "..";
    const fs::path snapshot = folder / "snapshots" / hash;
    if (plain && !hash.empty() && fs::is_directory(snapshot, error)) return snapshot.string();
  }
  std::vector<std::string> snapshots;
  for (fs::directory_iterator it(folder / "snapshots", error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored)) snapshots.push_back(it->path().string());
  }
  std::sort(snapshots.begin(), snapshots.end());
  return snapshots.empty() ? "" : snapshots.back();
}

/// "ViT-B/16" and "ViT-L/14@336px" are OpenAI's ways to write names.
std::string dashed(std::string name) {
  if (const size_t at = name.find('@'); at != std::string::npos) {
    name = name.substr(0, at) + "-336";
  }
  std::replace(name.begin(), name.end(), '/', '-');
  return name;
}

const PublishedModel* find_published(const std::string& name) {
  for (const PublishedModel& model : kPublished) {
    const std::string tagged = cat(model.name, "/", model.tag);
    if (name == tagged || name == cat(model.name, ":", model.tag)) return &model;
    if (model.tag == kOpenAi && dashed(name) == model.name) return &model;
  }
  return nullptr;
}

/// Where a published model can be had.
std::string source_of(const PublishedModel& model) {
  std::string text;
  if (!model.file.empty()) {
    const bool whole = model.sha256.size() == 64;
    text += cat("\n  the file ", model.file, ", which the Python package ",
                model.tag == kOpenAi ? "clip" : "open_clip", " downloads; its SHA-256 ",
                whole ? "is " : "begins with ", model.sha256);
  }
  if (!model.repository.empty()) {
    text += cat("\n  the repository ", model.repository, " of Hugging Face");
  }
  return text;
}

[[noreturn]] void fail_unknown_model(const std::string& name) {
  std::string known;
  for (const PublishedModel& model : kPublished) {
    if (model.tag == kOpenAi) known += cat(known.empty() ? "" : ", ", model.name);
  }
  fail(ErrorKind::kPath, "'", name,
       "' is neither a file or folder nor the name of a model. Names are OpenAI's (", known,
       "), a model and tag of OpenCLIP (ViT-B-16/laion2b_s34b_b88k), or a repository of Hugging "
       "Face (openai/clip-vit-base-patch16)");
}

}  // namespace

FoundModel find_model(const std::string& name) {
  std::error_code error;
  if (fs::exists(name, error)) return {name, ""};
  std::vector<std::string> looked;
  std::string repository;
  std::string sources;
  if (const PublishedModel* model = find_published(name)) {
    const fs::path file = clip_downloads() / model->file;
    if (!model->file.empty()) {
      if (fs::is_regular_file(file, error)) return {file.string(), std::string(model->activation)};
      looked.push_back(file.string());
    }
    repository = model->repository;
    sources = source_of(*model);
  } else if (std::count(name.begin(), name.end(), '/') == 1 && name.front() != '/' &&
             name.front() != '.' && name.back() != '/') {
    repository = name;
    sources = cat("\n  the repository ", name, " of Hugging Face, if that is what is meant");
  } else {
    fail_unknown_model(name);
  }
  if (!repository.empty()) {
    if (const std::string snapshot = find_snapshot(repository); !snapshot.empty()) {
      return {snapshot, ""};
    }
    looked.push_back(repository_folder(repository).string());
  }
  std::string places;
  for (const std::string& place : looked) places += "\n  " + place;
  fail(ErrorKind::kPath, "the model '", name, "' is not on this machine. Looked for it at:", places,
       "\nIt can be had as:", sources, "\nGive its path with --clip once it is here");
}

std::string published_activation(const std::string& file_name) {
  for (const PublishedModel& model : kPublished) {
    if (!model.file.empty() && model.file == file_name) return std::string(model.activation);
  }
  return "";
}

}  // namespace qprompt
