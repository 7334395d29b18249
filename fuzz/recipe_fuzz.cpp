// Any bytes as a recipe, and as a file of published numbers: read, or refused by an Error that says
// what is wrong with the content, or which file it names is not there.

// First, because clang takes LibTorch 1.13's headers as C++20 only when this class is complete.
#include <ATen/core/ivalue.h>

#include <string>

#include "experiment/recipe.h"
#include "scratch_file.h"

namespace {

using qprompt::Error;
using qprompt::ErrorKind;

/// What a recipe that was accepted must keep to, and the options of its cells.
void check(const qprompt::Recipe& recipe) {
  if (recipe.methods.empty() || recipe.sets.empty() || recipe.shots.empty()) std::abort();
  if (recipe.seeds.empty() || recipe.threads < 1) std::abort();
  for (const auto& method : recipe.methods) {
    const auto fit =
        qprompt::fit_options(recipe, method, recipe.sets.front().name, recipe.shots.back());
    if (fit.train.epochs < 1 || fit.train.batch < 1) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ScratchFile file("recipe.toml");
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  file.write(bytes);
  qprompt::RecipeRequest request;
  request.recipe = file.path();
  try {
    check(qprompt::read_recipe(request));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kContent && error.kind() != ErrorKind::kPath) std::abort();
  }
  try {
    qprompt::parse_published(std::string(bytes), "fuzz");
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kContent) std::abort();
  }
  return 0;
}
