// Images a second of the image tower, against the plain tower.
#include <ATen/ATen.h>

#include "plain_baseline.h"
#include "qprompt/clip.h"
#include "support/random_clip.h"
#include "support/timing.h"

namespace qprompt::bench {
namespace {

// The products of one image batch: every block, and the patches as one product more.
struct TowerProducts {
  Products blocks;
  at::Tensor patches, weight, out;  // (B·n, 3p²), (W, 3p²), (B·n, W)

  TowerProducts(const Sizes& s, int64_t batch)
      : blocks(s.image_width, s.image_layers, batch * s.image_rows(), false),
        patches(at::randn({batch * (s.image_rows() - 1), 3 * s.patch * s.patch})),
        weight(at::randn({s.image_width, 3 * s.patch * s.patch})),
        out(at::empty({patches.size(0), s.image_width})) {}
  void run() {
    at::mm_out(out, patches, weight.t());
    blocks.run();
  }
  double flops() const {
    return blocks.flops() + 2.0 * double(patches.numel()) * double(weight.size(0));
  }
};

struct Row {
  int64_t batch = 0;
  double flops = 0;
  std::vector<Sample> samples;  // ours, plain, products
  Json python = Json::object();
};

Row compare(const Settings& settings, const Clip& clip, plain::PlainBaseline& plain,
            int64_t batch) {
  const Sizes sizes = sizes_of(settings);
  at::manual_seed(3);
  const at::Tensor pixels = at::randn({batch, 3, sizes.image, sizes.image});
  const at::Tensor ours = clip.encode_image(pixels), theirs = plain.encode_image(pixels);
  const double error = ((ours - theirs).norm() / theirs.norm()).item<double>();
  if (!(error < 1e-4)) fail(ErrorKind::kInternal, "the sides disagree: relative error ", error);
  TowerProducts products(sizes, batch);
  say(cat("timing batches of ", batch));
  const int64_t calls = std::max<int64_t>(1, 4 / batch);
  Row row{batch, products.flops(), {}, Json::object()};
  const auto plain_run = [&] { plain.encode_image(pixels); };
  const auto products_run = [&] { products.run(); };
  row.samples =
      race(settings, {{"qprompt", [&] { clip.encode_image(pixels); }, calls},
                      {"plain", plain_run, calls, best_pools(settings, plain_run)},
                      {"products", products_run, calls, best_pools(settings, products_run)}});
  row.python = run_python(settings, "plain_step.py", cat("--what image --batch ", batch));
  return row;
}

void report(const std::vector<Row>& rows, Findings& findings) {
  Table table{"Images a second (median), and what the matrix products alone would allow",
              {"batch", "qprompt", "plain", "Python", "products alone", "qprompt / plain",
               "of the products' rate"},
              {}};
  for (const Row& row : rows) {
    const auto rate = [&](const Sample& s) { return double(row.batch) / s.median(); };
    const double ratio = row.samples[1].median() / row.samples[0].median();
    const double share = 100 * row.samples[2].median() / row.samples[0].median();
    std::string python = "–";
    if (!row.python.empty()) {
      python = digits(rate({"Python", row.python.at("seconds").get<std::vector<double>>()}));
    }
    table.rows.push_back({cat(row.batch), digits(rate(row.samples[0])),
                          digits(rate(row.samples[1])), python, digits(rate(row.samples[2])),
                          digits(ratio) + " ×", digits(share) + " %"});
    Json entry{{"batch", row.batch}, {"gflop", row.flops * 1e-9}, {"python", row.python}};
    for (const Sample& sample : row.samples) entry[sample.name] = sample.json();
    findings.json()["batches"].push_back(entry);
    findings.add(Aim{cat("batch ", row.batch, ": our rate / plain rate"), ratio, 1.2, true, "×"});
    findings.add(
        Aim{cat("batch ", row.batch, ": our rate / products' rate"), share, 85, true, "%"});
  }
  findings.add(table);
}

int run(const Settings& settings) {
  const TempFolder folder;
  say("writing a random CLIP");
  const std::string model = write_random_clip(folder.path(), sizes_of(settings));
  const Clip clip = open_clip(model);
  plain::PlainBaseline plain(read_weights(model).tensors, true);
  Findings findings(settings);
  std::vector<Row> rows;
  for (int64_t batch : {1, 8, 32}) rows.push_back(compare(settings, clip, plain, batch));
  report(rows, findings);
  return findings.finish();
}

}  // namespace
}  // namespace qprompt::bench

int main(int argc, char** argv) {
  using namespace qprompt::bench;
  return run(start(argc, argv, "images a second of the image tower against the plain tower"));
}
