#include "demo_notes.h"

#include "demo_files.h"
#include "demo_world.h"

namespace qprompt::demo {
namespace {

constexpr char kLicence[] =
    R"(The pictures in data/ are derived from Fashion-MNIST
(https://github.com/zalandoresearch/fashion-mnist), which carries this notice:

The MIT License (MIT)

Copyright (c) 2017 Zalando SE, https://tech.zalando.com

Permission is hereby granted, free of charge, to any person obtaining a copy of
this software and associated documentation files (the "Software"), to deal in
the Software without restriction, including without limitation the rights to
use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of
the Software, and to permit persons to whom the Software is furnished to do so,
subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS
FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER
IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
)";

constexpr char kHead[] = R"(# The demo's model and pictures

`qprompt demo` needs nothing but this folder.

- `clip/model.safetensors`: a small CLIP that this project trained itself, a state dict with
  OpenAI's names in fp16, quick GELU. )";

constexpr char kBody[] = R"(
- `clip/vocab.txt.gz`: its byte-pair vocabulary in the format of CLIP's `bpe_simple_vocab`.
- `data/{train,val,test}/<class>/NNN.png`: 48 classes, eight colours of six garments, 16, 4 and 20
  pictures of each. They are images of Fashion-MNIST (`LICENSE-fashion-mnist`), tinted, turned
  upside down and seen in the neon light of a night club, which takes most of the green away, so
  that colours look like other colours. The first half of the sorted names (blue, brown, cyan,
  green) is base, the second half (orange, pink, purple, yellow) is new.

The model learned from captions in varied wording of garments in eleven colours and fifteen looks
("a grainy photo of a red sneaker.", "by moonlight, a picture of the coat in green", ...). The task
combines two of these looks, which "a photo of a {}." does not name; so the hand-written prompt
takes one garment or colour for another, and a learned prompt has something to say. The images
behind pretraining, task training, validation and test pictures are disjoint; the task's looks and
the length of pretraining were chosen on validation pictures. Accuracy of the written model, on 40
validation pictures of each class (of which 4 are in `data/val`) and on the test pictures:

)";

constexpr char kMakingHead[] = R"(
The last template names the look and is shown for information only.

Everything here, this text included, was made from Debian's package `dataset-fashion-mnist` by

    cmake --build build --target make_demo
    build/tools/make_demo --out assets/demo

which trains for )";

constexpr char kMakingTail[] = R"( pairs and takes well under an hour on two cores.
`make_demo --out assets/demo --check` measures every look and trains CoOp with the plain model of
`plain/`.
)";

}  // namespace

void write_notes(const std::filesystem::path& folder, const Notes& notes) {
  write_bytes(folder / "LICENSE-fashion-mnist", kLicence);
  const std::string length =
      std::to_string(notes.steps) + " steps of " + std::to_string(notes.batch);
  write_bytes(folder / "README.md",
              kHead + notes.model + kBody + notes.accuracies + kMakingHead + length + kMakingTail);
}

}  // namespace qprompt::demo
