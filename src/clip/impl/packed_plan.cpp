#include "clip/impl/packed_plan.h"

#include "base/aten.h"

namespace qprompt::clip {
namespace {

using engine::AttentionPlan;

constexpr int64_t kChunkKeys = 256;  // rows a chunk aims at: a mask of 256 × (P + 256) is small

at::Tensor to_tensor(const std::vector<int64_t>& values, at::IntArrayRef sizes) {
  const at::Tensor tensor = at::empty(sizes, at::kLong);
  std::copy(values.begin(), values.end(), tensor.data_ptr<int64_t>());
  return tensor;
}

/// Grows a plan query by query, class by class.
class PlanBuilder {
 public:
  explicit PlanBuilder(int64_t prefix) { plan_.prefix = prefix; }

  void add(int64_t prefix_keys, int64_t begin, int64_t end) {
    queries_.insert(queries_.end(), {prefix_keys, begin, end});
    plan_.links += prefix_keys + end - begin;
    ++count_;
  }

  /// The queries added since the last call see own keys in [begin, end) only.
  void end_class(int64_t begin, int64_t end) {
    auto& chunks = plan_.chunks;
    const int64_t first = chunks.empty() ? 0 : chunks.back().query_end;
    if (first == count_) return;
    const bool joins = !chunks.empty() && end - chunks.back().key_begin <= kChunkKeys &&
                       chunks.back().key_end == begin &&
                       count_ - chunks.back().query_begin <= kChunkKeys;
    if (joins) {
      chunks.back().key_end = end;
      chunks.back().query_end = count_;
    } else {
      chunks.push_back({first, count_, begin, end});
    }
  }

  AttentionPlan finish() {
    plan_.queries = to_tensor(queries_, {count_, 3});
    return std::move(plan_);
  }

 private:
  AttentionPlan plan_;
  std::vector<int64_t> queries_;
  int64_t count_ = 0;
};

/// T, or a little more where T is large: products are prepared for each number of rows, and groups
/// of classes should not all have one of their own. Rows that pad see themselves and nobody sees
/// them.
int64_t padded(int64_t rows) {
  constexpr int64_t kLarge = 1024, kStep = 32;
  return rows <= kLarge ? rows : (rows + kStep - 1) / kStep * kStep;
}

AttentionPlan plan_all_rows(const PackedPrompts& prompts) {
  PlanBuilder builder(prompts.prefix);
  for (int64_t row = 0; row < prompts.prefix; ++row) builder.add(row + 1, 0, 0);
  builder.end_class(prompts.prefix, prompts.prefix);
  for (const PackedPrompts::Span& span : prompts.classes) {
    for (int64_t row = span.begin; row < span.end; ++row) {
      builder.add(prompts.prefix, span.begin, row + 1);
    }
    builder.end_class(span.begin, span.end);
  }
  const auto total = static_cast<int64_t>(prompts.rows.size());
  for (int64_t row = total; row < padded(total); ++row) builder.add(0, row, row + 1);
  builder.end_class(total, padded(total));
  return builder.finish();
}

AttentionPlan plan_read_rows(const PackedPrompts& prompts) {
  PlanBuilder builder(prompts.prefix);
  for (size_t c = 0; c < prompts.classes.size(); ++c) {
    const int64_t row = prompts.read[c];
    const PackedPrompts::Span& span = prompts.classes[c];
    if (row < prompts.prefix) {
      builder.add(row + 1, 0, 0);
    } else {
      builder.add(prompts.prefix, span.begin, row + 1);
    }
    builder.end_class(span.begin, span.end);
  }
  return builder.finish();
}

void check_row(const PackedPrompts& prompts, int64_t index, const RowLimits& limits) {
  const PackedRow& row = prompts.rows[index];
  const auto wrong = [&](const auto&... what) {
    fail(ErrorKind::kUsage, "packed prompts: row ", index, " ", what...);
  };
  if ((row.token >= 0) == (row.learned >= 0)) {
    wrong("must be either a token or a learned row; its token is ", row.token,
          " and its learned row is ", row.learned);
  }
  if (row.token >= limits.vocab_size) {
    wrong("has token ", row.token, ", but the vocabulary has ", limits.vocab_size, " entries");
  }
  const int64_t learned = prompts.learned.defined() ? prompts.learned.size(0) : 0;
  if (row.learned >= learned) {
    wrong("takes learned row ", row.learned, ", but there are ", learned);
  }
  if (row.position < 0 || row.position >= limits.context_length) {
    wrong("has position ", row.position, ", expected 0 to ", limits.context_length - 1);
  }
}

void check_classes(const PackedPrompts& prompts) {
  const auto total = static_cast<int64_t>(prompts.rows.size());
  if (prompts.classes.empty()) fail(ErrorKind::kUsage, "packed prompts: there is no class");
  if (prompts.prefix < 0 || prompts.prefix > total) {
    fail(ErrorKind::kUsage, "packed prompts: a prefix of ", prompts.prefix, " rows of ", total);
  }
  if (prompts.read.size() != prompts.classes.size()) {
    fail(ErrorKind::kUsage, "packed prompts: ", prompts.classes.size(), " classes but ",
         prompts.read.size(), " rows to read");
  }
  int64_t next = prompts.prefix;
  for (size_t c = 0; c < prompts.classes.size(); ++c) {
    const auto [begin, end] = prompts.classes[c];
    if (begin != next || end < begin || end > total) {
      fail(ErrorKind::kUsage, "packed prompts: class ", c, " has rows [", begin, ", ", end,
           "), expected them to begin at ", next, " and to end by ", total);
    }
    next = end;
    const int64_t row = prompts.read[c];
    if (row < 0 || (row >= prompts.prefix && (row < begin || row >= end))) {
      fail(ErrorKind::kUsage, "packed prompts: class ", c, " reads row ", row,
           ", which is neither in the prefix nor in its own rows [", begin, ", ", end, ")");
    }
  }
  if (next != total) {
    fail(ErrorKind::kUsage, "packed prompts: rows ", next, " to ", total, " belong to no class");
  }
}

void check_deep(const PackedPrompts& prompts, const RowLimits& limits) {
  if (static_cast<int64_t>(prompts.deep.size()) >= std::max<int64_t>(limits.blocks, 1)) {
    fail(ErrorKind::kUsage, "packed prompts: rows are replaced before ", prompts.deep.size() + 1,
         " blocks, but the text tower has ", limits.blocks);
  }
  const int64_t learned = prompts.learned.defined() ? prompts.learned.size(0) : 0;
  for (size_t i = 0; i < prompts.deep.size(); ++i) {
    for (const auto& [row, from] : prompts.deep[i]) {
      if (row < 0 || row >= prompts.prefix || from < 0 || from >= learned) {
        fail(ErrorKind::kUsage, "packed prompts: before block ", i + 1, ", row ", row,
             " becomes learned row ", from, "; the prefix has ", prompts.prefix,
             " rows, and there are ", learned, " learned ones");
      }
    }
  }
}

}  // namespace

void check_packed(const PackedPrompts& prompts, const RowLimits& limits) {
  if (prompts.learned.defined()) {
    check_shape(prompts.learned, {-1, limits.width}, "learned rows of the packed prompts");
    if (!prompts.learned.is_floating_point()) {
      fail(ErrorKind::kUsage, "packed prompts: learned rows must be floating point");
    }
  }
  check_classes(prompts);
  check_deep(prompts, limits);
  for (size_t i = 0; i < prompts.rows.size(); ++i) {
    check_row(prompts, static_cast<int64_t>(i), limits);
  }
}

PackedPlan plan_packed(const PackedPrompts& prompts) {
  const auto total = static_cast<int64_t>(prompts.rows.size());
  std::vector<int64_t> tokens, positions, learned_at, learned_from;
  tokens.reserve(total);
  positions.reserve(total);
  for (int64_t i = 0; i < total; ++i) {
    const PackedRow& row = prompts.rows[i];
    tokens.push_back(std::max<int64_t>(row.token, 0));
    positions.push_back(row.position);
    if (row.learned >= 0) {
      learned_at.push_back(i);
      learned_from.push_back(row.learned);
    }
  }
  tokens.resize(padded(total), 0);
  positions.resize(padded(total), 0);
  PackedPlan plan;
  const auto learned = static_cast<int64_t>(learned_at.size());
  plan.tokens = to_tensor(tokens, {padded(total)});
  plan.positions = to_tensor(positions, {padded(total)});
  plan.learned_at = to_tensor(learned_at, {learned});
  plan.learned_from = to_tensor(learned_from, {learned});
  plan.rows = std::make_shared<const engine::RowPlan>(
      engine::RowPlan{plan_all_rows(prompts), plan_read_rows(prompts),
                      to_tensor(prompts.read, {static_cast<int64_t>(prompts.read.size())})});
  return plan;
}

}  // namespace qprompt::clip
