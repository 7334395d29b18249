#include "support/random_clip.h"

#include <map>

namespace qprompt::bench {
namespace {

struct Breed {
  const char* name;
  std::vector<int64_t> ids;
};

const std::vector<Breed>& breeds() {
  static const std::vector<Breed> kBreeds{
      {"abyssinian", {16342, 690, 36638}},
      {"american bulldog", {2151, 15611}},
      {"american pit bull terrier", {2151, 7476, 6029, 14455}},
      {"basset hound", {1244, 1167, 13561}},
      {"beagle", {30044}},
      {"bengal", {16374}},
      {"birman", {921, 786}},
      {"bombay", {23890}},
      {"boxer", {15363}},
      {"british shorthair", {3504, 37397, 1922}},
      {"chihuahua", {30181}},
      {"egyptian mau", {12428, 23033}},
      {"english cocker spaniel", {3469, 622, 4744, 35435}},
      {"english setter", {3469, 23153}},
      {"german shorthaired", {4710, 37397, 21938}},
      {"great pyrenees", {830, 39744}},
      {"havanese", {560, 2446, 2260}},
      {"japanese chin", {4925, 8979}},
      {"keeshond", {9724, 552, 2636}},
      {"leonberger", {6581, 13873}},
      {"maine coon", {7836, 16958}},
      {"miniature pinscher", {16377, 2629, 21299}},
      {"newfoundland", {28079}},
      {"persian", {19859}},
      {"pomeranian", {35156, 9945}},
      {"pug", {17739}},
      {"ragdoll", {13958, 9286}},
      {"russian blue", {4868, 1746}},
      {"saint bernard", {5599, 14579}},
      {"samoyed", {30006, 3301}},
      {"scottish terrier", {7442, 14455}},
      {"shiba inu", {823, 1792, 512, 340}},
      {"siamese", {43161}},
      {"sphynx", {43808, 16997}},
      {"staffordshire bull terrier", {29198, 6029, 14455}},
      {"wheaten terrier", {20505, 576, 14455}},
      {"yorkshire terrier", {8633, 14455}},
      {"golden retriever", {3878, 28394}},
      {"labrador retriever", {25409, 28394}},
      {"border collie", {6177, 30611}},
      {"dalmatian", {44275, 550}},
      {"dachshund", {42720}},
      {"greyhound", {27363}},
      {"rottweiler", {34806, 42203}},
      {"siberian husky", {34058, 20421}},
      {"cocker spaniel", {622, 4744, 35435}},
      {"norwegian forest cat", {15971, 4167, 2368}},
      {"turkish angora", {9278, 883, 4301}},
      {"scottish fold", {7442, 11021}},
      {"cornish rex", {23774, 10904}},
  };
  return kBreeds;
}

}  // namespace

int64_t full_stop(int64_t vocab) { return 269 % (vocab - 2); }

Names pet_breeds(const Sizes& sizes) {
  Names names;
  for (const Breed& breed : breeds()) {
    names.push_back(breed.ids);
    for (int64_t& id : names.back()) id %= sizes.vocab - 2;
  }
  return names;
}

Names random_names(const Sizes& sizes, int64_t count) {
  // Of 100 names: 15 of one id, 45 of two, …
  constexpr int64_t kUpTo[] = {15, 60, 85, 95, 99, 100};
  Rng rng(7);
  Names names(static_cast<size_t>(count));
  for (auto& name : names) {
    const int64_t draw = rng.below(100);
    size_t length = 1;
    while (draw >= kUpTo[length - 1]) ++length;
    for (size_t i = 0; i < length; ++i) name.push_back(rng.below(sizes.vocab - 2));
  }
  return names;
}

std::vector<std::string> words_of(const Names& names) {
  constexpr char kWords[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr int64_t kCount = sizeof kWords - 1;
  std::map<size_t, int64_t> met;  // length → how many names of it
  std::vector<std::string> texts;
  for (const auto& name : names) {
    int64_t number = met[name.size()]++;
    std::string text;
    for (size_t i = 0; i < name.size(); ++i, number /= kCount) {
      text += cat(i == 0 ? "" : " ", kWords[number % kCount]);
    }
    if (number != 0) fail(ErrorKind::kInternal, "too many names of ", name.size(), " ids");
    texts.push_back(text);
  }
  return texts;
}

namespace {

MethodOptions rows_alone(int64_t n_ctx) {
  MethodOptions options("coop");
  options.set("n-ctx", n_ctx);
  options.set("init", "");
  return options;
}

}  // namespace

IdCoop::IdCoop(const Clip& clip, const Names& names, int64_t n_ctx)
    : Learner({clip, rows_alone(n_ctx), std::vector<std::string>(names.size())}) {
  const int64_t vocab = clip.config().vocab_size;
  std::vector<std::vector<PackedRow>> texts;
  for (const auto& name : names) {
    std::vector<PackedRow> rows{{.token = vocab - 2}};
    for (int64_t m = 0; m < n_ctx; ++m) rows.push_back({.learned = m});
    for (int64_t id : name) rows.push_back({.token = id});
    rows.push_back({.token = full_stop(vocab)});
    rows.push_back({.token = vocab - 1});
    texts.push_back(std::move(rows));
  }
  layout_ = std::make_shared<PackedPrompts>(pack_prompts(texts));
}

Values IdCoop::initial_values(Rng& rng) const {
  at::Tensor ctx = at::empty(parameters().front().shape, at::kFloat);  // (M, D)
  float* values = ctx.data_ptr<float>();
  for (int64_t i = 0; i < ctx.numel(); ++i) values[i] = static_cast<float>(0.02 * rng.normal());
  return {ctx};
}

TextSide IdCoop::text(const Values& values, const at::Tensor&) const {
  return {layout_, {{0, values.at(0)}}};
}

}  // namespace qprompt::bench
