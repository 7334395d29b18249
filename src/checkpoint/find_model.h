// Models by their names, where other programs keep what they downloaded.
#pragma once

#include <string>

namespace qprompt {

/// A model's place, and what its name says of it that its file may not.
struct FoundModel {
  std::string path;
  std::string activation;  ///< "quick_gelu", "gelu", or empty where the files say it
};

/// What exists as a path is taken as it is. Else `name` may be one of OpenAI's ("ViT-B/16"), looked
/// for where the package `clip` downloads to; a repository of Hugging Face
/// ("openai/clip-vit-base-patch16"), looked for in its cache; or an OpenCLIP model and tag
/// ("ViT-B-16/laion400m_e32"), looked for in both. Throws kPath saying where it was looked for,
/// where it can be had, and its SHA-256 where that is published.
FoundModel find_model(const std::string& name);

/// The activation of a file that OpenCLIP published without a configuration, by the file's own
/// name; empty where the name is not one of those.
std::string published_activation(const std::string& file_name);

}  // namespace qprompt
