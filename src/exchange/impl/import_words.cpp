#include "exchange/impl/import_words.h"

#include "base/aten.h"
#include "qprompt/base.h"

namespace qprompt {
namespace {

/// The words of every published configuration.
constexpr const char* kUsualWords = "a photo of a";
/// Checkpoints hold embeddings in half precision, PromptSRC's averaged over epochs; those of
/// another token or model differ by 1 and more.
constexpr double kSameEmbedding = 0.05;

using Ids = std::vector<int64_t>;

Words use_of(const std::string& method) { return find_method(method).words; }

/// Whether rows [begin, begin + ids) of each class in `embeddings` (C, n, D) are those of `ids`.
bool are_embeddings(const Clip& clip, const at::Tensor& embeddings, const Ids& ids) {
  const auto count = static_cast<int64_t>(ids.size());
  if (embeddings.dim() != 3 || embeddings.size(0) == 0 ||
      embeddings.size(2) != clip.config().text_width || embeddings.size(1) < count) {
    return false;
  }
  if (count == 0) return true;
  const at::Tensor expected = clip.token_embeddings(ids).to(at::kCPU);               // (n, D)
  const at::Tensor found = embeddings.narrow(1, 0, count).to(at::kCPU, at::kFloat);  // (C, n, D)
  const double distance = (found - expected).norm(2, -1).max().item<double>();
  return distance <= kSameEmbedding * expected.norm(2, -1).min().item<double>();
}

/// "X X X a photo of a" → "a photo of a": the trainers write an X for each random row.
std::string without_placeholders(std::string words, int64_t& placeholders) {
  placeholders = 0;
  while (words == "X" || words.rfind("X ", 0) == 0) {
    words.erase(0, words == "X" ? 1 : 2);
    ++placeholders;
  }
  return words;
}

ImportedWords choose_words(const Clip& clip, const TrainerCheckpoint& checkpoint,
                           const TrainerLog& run, const std::optional<std::string>& given,
                           int64_t& placeholders) {
  if (given) return {*given, "option"};
  if (run.context) return {without_placeholders(*run.context, placeholders), run.path};
  const Words use = use_of(checkpoint.method);
  if (use == Words::kStart) return {"", "not said"};
  Ids ids = clip.tokenizer().encode(kUsualWords);
  const auto learned = static_cast<size_t>(checkpoint.n_ctx);
  if (use == Words::kBehind && learned >= ids.size()) return {"", "not said; no word is frozen"};
  if (use == Words::kBehind && checkpoint.token_suffix.defined()) {
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(learned));
    if (are_embeddings(clip, checkpoint.token_suffix, ids)) {
      return {kUsualWords, "checkpoint (token_suffix)"};
    }
  }
  fail(ErrorKind::kUsage, "the words of this ", find_method(checkpoint.method).label,
       " prompt are part of it, and neither the checkpoint nor a log says them; give them with "
       "--words \"",
       kUsualWords, "\" (the published configurations) or --words \"\" (a random start)");
}

void check_count(const TrainerCheckpoint& checkpoint, const ImportedWords& words, int64_t tokens,
                 int64_t placeholders) {
  const Words use = use_of(checkpoint.method);
  const int64_t rows = checkpoint.n_ctx;
  if (tokens == 0 || use == Words::kAll) return;
  // ProGrad starts the rows before its words from zeros, and its log shows them as placeholders.
  const bool filled = use == Words::kStart && checkpoint.trainer == "prograd" && placeholders == 0;
  if (filled ? tokens <= rows
             : (use == Words::kStart ? tokens + placeholders == rows : tokens >= rows)) {
    return;
  }
  fail(ErrorKind::kUsage, "the initial words '", words.text, "' (", words.from, ") are ", tokens,
       " tokens", placeholders > 0 ? cat(" behind ", placeholders, " placeholders") : "",
       ", and the checkpoint's context has ", rows, " rows; give the words that it started from ",
       "with --words, \"\" for a random start");
}

}  // namespace

ImportedWords find_words(const Clip& clip, const TrainerRun& run,
                         const std::optional<std::string>& given, Findings& findings) {
  const at::NoGradGuard no_grad;
  const TrainerCheckpoint& checkpoint = run.checkpoint;
  if (run.log.n_ctx && find_method(checkpoint.method).learns_text &&
      *run.log.n_ctx != checkpoint.n_ctx) {
    fail(ErrorKind::kContent, "'", run.log.path, "' tells of ", *run.log.n_ctx,
         " context rows, and the checkpoint has ", checkpoint.n_ctx,
         "; name the log of its own run with --log, or give --log none");
  }
  int64_t placeholders = 0;
  ImportedWords words = choose_words(clip, checkpoint, run.log, given, placeholders);
  Ids ids = clip.tokenizer().encode(words.text);
  check_count(checkpoint, words, static_cast<int64_t>(ids.size()), placeholders);
  if (checkpoint.token_prefix.defined() &&
      !are_embeddings(clip, checkpoint.token_prefix, {clip.tokenizer().start_token()})) {
    findings.push_back({"other-model",
                        "the checkpoint's token_prefix is not this model's start token: it may "
                        "have been trained on another CLIP of the same widths"});
  } else if (use_of(checkpoint.method) == Words::kBehind && checkpoint.token_suffix.defined() &&
             !ids.empty()) {
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(checkpoint.n_ctx));
    if (!are_embeddings(clip, checkpoint.token_suffix, ids)) {
      findings.push_back(
          {"other-words", cat("the checkpoint's token_suffix does not begin with the words that "
                              "are frozen behind the context, of '",
                              words.text, "' (", words.from, ")")});
    }
  }
  return words;
}

}  // namespace qprompt
