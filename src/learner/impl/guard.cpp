#include "base/aten.h"
#include "learner/impl/learners.h"

namespace qprompt::learner {
namespace {

/// Runs what comes from outside; whatever it throws is told with the method's word.
template <class Act>
auto shielded(const Method& method, const char* what, Act act) {
  try {
    return act();
  } catch (const Error& e) {
    fail(e.kind(), "the learner of '", method.word, "', ", what, ": ", e.what());
  } catch (const std::exception& e) {
    fail(ErrorKind::kContent, "the learner of '", method.word, "', ", what, ": ", e.what());
  }
}

class Guard final : public Learner {
 public:
  Guard(const Start& start, const LearnerMaker& make)
      : Learner(start),
        inner_(shielded(method(), "when it was made", [&] { return make(start); })) {
    if (!inner_) {
      fail(ErrorKind::kContent, "the learner of '", method().word, "' was not made: null came");
    }
  }

  Values initial_values(Rng& rng) const override {
    return shielded(method(), "its initial values", [&] {
      Values values = inner_->initial_values(rng);
      check_values(values, parameters());
      for (size_t i = 0; i < values.size(); ++i) {
        if (values[i].scalar_type() != at::kFloat) {
          fail(ErrorKind::kContent, "'", parameters()[i].name, "' is no float32");
        }
        check_finite(values[i], parameters()[i].name);
        // A copy: training changes the values in place.
        values[i] = values[i].detach().clone(at::MemoryFormat::Contiguous);
      }
      return values;
    });
  }

  TextSide text(const Values& values, const at::Tensor& image) const override {
    return shielded(method(), "its texts", [&] {
      check_values(values, parameters());
      TextSide side = inner_->text(values, image);
      const PackedPrompts whole = packed(side);
      if (whole.classes.size() != class_names().size()) {
        fail(ErrorKind::kContent, whole.classes.size(), " texts for ", class_names().size(),
             " classes");
      }
      if (whole.learned.defined()) {
        check_shape(whole.learned, {-1, clip().config().text_width}, "learned rows");
      }
      return side;
    });
  }

  ImageSide image(const Values& values) const override {
    return shielded(method(), "its rows of an image", [&] {
      check_values(values, parameters());
      ImageSide side = inner_->image(values);
      if (!side.edits.empty() && method().reads != Reads::kPixels) {
        fail(ErrorKind::kContent, "its row says that it reads no pixels");
      }
      const ImagePrompts whole = packed(side);
      if (whole.learned.defined()) {
        check_shape(whole.learned, {-1, -1, clip().config().image_width}, "learned rows");
      }
      return side;
    });
  }

  at::Tensor logits(const Values& values, const HeadInput& input, Phase phase) const override {
    return shielded(method(), "its logits", [&] {
      check_values(values, parameters());
      at::Tensor out = inner_->logits(values, input, phase);  // (B, C)
      check_shape(out, {input.image.size(0), input.text.size(0)}, "logits");
      return out;
    });
  }

 private:
  std::unique_ptr<Learner> inner_;
};

}  // namespace

std::unique_ptr<Learner> guarded(const Start& start, const LearnerMaker& make) {
  return std::make_unique<Guard>(start, make);
}

}  // namespace qprompt::learner
