// Miniatures of the fifteen data sets, each in the layout that its own readers know.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/run.h"

namespace qprompt::testing_support {

/// The bytes of the image with this path.
using Picture = std::function<std::string(const std::string& path)>;
/// Empty files: enough to be listed.
inline std::string no_picture(const std::string&) { return ""; }

/// Folders below a root with that many images each: {"cat/", 3} makes cat/00.jpg … cat/02.jpg.
void make_images(const TempFolder& root, const std::vector<std::pair<std::string, int>>& folders,
                 const Picture& picture = no_picture);

/// Writes them below a folder that stands for CoOp's $DATA. Every class has at least two training
/// images and one test image; ImageNet's variants find their class names in ImageNet's miniature.
class Miniatures {
 public:
  explicit Miniatures(const TempFolder& root, Picture picture = no_picture)
      : root_(root), picture_(std::move(picture)) {}

  /// By the name of its configuration ("oxford_pets").
  void write(const std::string& config) const;

 private:
  void text(const std::string& path, const std::string& bytes) const;
  void image(const std::string& path) const;
  void images(const std::vector<std::pair<std::string, int>>& folders) const;
  void some_classes(const std::string& folder, const char* file) const;
  void imagenet() const;
  void caltech() const;
  void pets() const;
  void cars() const;
  void flowers() const;
  void food() const;
  void aircraft() const;
  void sun() const;
  void textures() const;
  void eurosat() const;
  void ucf() const;
  void imagenet_v2() const;
  void sketch() const;
  void imagenet_a() const;
  void imagenet_r() const;

  const TempFolder& root_;
  Picture picture_;
};

}  // namespace qprompt::testing_support
