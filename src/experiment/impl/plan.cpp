// Cells as a store knows them, and the cells that encode what others read.
#include <algorithm>
#include <filesystem>

#include "experiment/impl/execute.h"
#include "qprompt/weights.h"

namespace qprompt {
namespace {

/// The images of one data set that some cell reads.
Cell& images_of(const std::string& dataset, std::vector<Cell>& images) {
  const auto found = std::find_if(images.begin(), images.end(),
                                  [&](const Cell& cell) { return cell.dataset == dataset; });
  if (found != images.end()) return *found;
  Cell cell;
  cell.kind = CellKind::kImages;
  cell.label = "images";
  cell.dataset = dataset;
  images.push_back(std::move(cell));
  return images.back();
}

void add_reader(Cell& images, const Training& training) {
  const bool known =
      std::any_of(images.readers.begin(), images.readers.end(), [&](const Training& other) {
        return other.drawn.digest == training.drawn.digest &&
               other.fit.views == training.fit.views &&
               other.fit.train.seed == training.fit.train.seed;
      });
  if (!known) images.readers.push_back(training);
}

void add_list(Cell& images, const TestList& list) {
  const bool known = std::any_of(images.tests.begin(), images.tests.end(),
                                 [&](const auto& other) { return other.digest == list.digest; });
  if (!known) images.tests.push_back(list);
}

}  // namespace

std::vector<Cell> images_cells(const std::vector<Cell>& cells, const FeatureOptions& features) {
  std::vector<Cell> images;
  if (features.cache == "none") return images;  // nothing could be handed on
  for (const Cell& cell : cells) {
    if (!cell.error.empty()) continue;
    for (const TestList& list : cell.tests) add_list(images_of(list.dataset, images), list);
    if (cell.kind != CellKind::kPrompt) continue;
    if (cell.training.fit.method.method().reads == Reads::kPixels) continue;  // reads pixels
    add_reader(images_of(cell.dataset, images), cell.training);
  }
  return images;
}

std::string cell_training_id(const Clip& clip, const Cell& cell, const FeatureOptions& features) {
  if (cell.error.empty() && cell.kind != CellKind::kImages) return training_id(clip, cell.training);
  Digest digest;
  digest.update_text(cat(kind_name(cell.kind), " 1 ", to_hex(clip.fingerprint())));
  if (cell.kind != CellKind::kImages) {  // it cannot be planned: only its names are known
    const FitOptions& fit = cell.training.fit;
    digest.update_text(cell.label);
    digest.update_text(cell.dataset);
    digest.update_text(cat(fit.shots, " ", fit.train.seed, " ", cell.error));
    return digest.hex();
  }
  // It fills one cache, so it is to be done again for another.
  std::error_code ignored;
  const std::string cache = features.cache.empty() ? default_cache_folder() : features.cache;
  digest.update_text(std::filesystem::weakly_canonical(cache, ignored).string());
  for (const TestList& list : cell.tests) digest.update_text(list.digest);
  for (const Training& reader : cell.readers) {
    digest.update_text(cat(reader.drawn.digest, " ", reader.fit.views, " ", reader.fit.train.seed));
  }
  return digest.hex();
}

void use_run_options(const RunOptions& options, ListDigests& digests, Cell& cell) {
  cell.training.fit.features = options.features;
  cell.training.fit.device = options.device;
  cell.training.fit.dtype = options.dtype;
  digests.fill(cell);
}

Entry entry_of(const Clip& clip, const Cell& cell, const FeatureOptions& features) {
  Entry entry;
  entry.kind = kind_name(cell.kind);
  entry.label = cell.label;
  entry.dataset = cell.dataset;
  entry.training = cell_training_id(clip, cell, features);
  entry.error = cell.error;
  if (cell.kind == CellKind::kImages) return entry;
  if (cell.kind == CellKind::kPrompt) {
    const FitOptions& fit = cell.training.fit;
    entry.shots = fit.shots;
    entry.seed = fit.train.seed;
    if (fit.train.quantization != Quantization::kNone) entry.bits = fit.train.quantizer.bits;
  }
  if (!cell.error.empty()) return entry;
  entry.configuration = training_text(clip, cell.training);
  const auto want = [&](int64_t epoch) {
    for (const TestList& list : cell.tests) {
      entry.scores.push_back({score_id(entry.training, epoch, list.digest), list.dataset,
                              half_name(list.half), epoch});
    }
  };
  want(kLastEpoch);
  for (const int64_t epoch : cell.watch.epochs) {
    if (cell.watch.scores) want(epoch);
    if (cell.watch.weights) entry.blobs.push_back(weights_id(entry.training, epoch));
  }
  if (cell.kind == CellKind::kPrompt) {
    entry.blobs.push_back(prompt_id(entry.training));
    entry.blobs.push_back(record_id(entry.training));
  }
  return entry;
}

}  // namespace qprompt
