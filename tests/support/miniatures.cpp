#include "support/miniatures.h"

#include <map>

#include "support/mat_writer.h"

namespace qprompt::testing_support {
namespace {

/// The miniature ImageNet's classnames.txt.
const std::vector<std::string> kIds = {"n01440764", "n01443537", "n01484850", "n03773504"};
const std::string kNames =
    "n01440764 tench\nn01443537 goldfish\nn01484850 great white shark\nn03773504 missile\n";

std::string number(int i) { return std::to_string(i); }

}  // namespace

void make_images(const TempFolder& root, const std::vector<std::pair<std::string, int>>& folders,
                 const Picture& picture) {
  for (const auto& [folder, n] : folders) {
    std::filesystem::create_directories(root / folder);
    for (int i = 0; i < n; ++i) {
      const std::string path = folder + "/" + (i < 10 ? "0" : "") + std::to_string(i) + ".jpg";
      write_all(root / path, picture(path));
    }
  }
}

void Miniatures::write(const std::string& config) const {
  static const std::map<std::string, void (Miniatures::*)() const> kWriters = {
      {"imagenet", &Miniatures::imagenet},
      {"caltech101", &Miniatures::caltech},
      {"oxford_pets", &Miniatures::pets},
      {"stanford_cars", &Miniatures::cars},
      {"oxford_flowers", &Miniatures::flowers},
      {"food101", &Miniatures::food},
      {"fgvc_aircraft", &Miniatures::aircraft},
      {"sun397", &Miniatures::sun},
      {"dtd", &Miniatures::textures},
      {"eurosat", &Miniatures::eurosat},
      {"ucf101", &Miniatures::ucf},
      {"imagenetv2", &Miniatures::imagenet_v2},
      {"imagenet_sketch", &Miniatures::sketch},
      {"imagenet_a", &Miniatures::imagenet_a},
      {"imagenet_r", &Miniatures::imagenet_r},
  };
  (this->*kWriters.at(config))();
}

void Miniatures::text(const std::string& path, const std::string& bytes) const {
  write_all(root_ / path, bytes);
}
void Miniatures::image(const std::string& path) const { write_all(root_ / path, picture_(path)); }
void Miniatures::images(const std::vector<std::pair<std::string, int>>& folders) const {
  make_images(root_, folders, picture_);
}

void Miniatures::imagenet() const {
  text("imagenet/classnames.txt", kNames);
  for (const std::string& id : kIds) {
    for (const char* name : {"c", "a", "b"}) {
      image("imagenet/images/train/" + id + "/" + name + ".JPEG");
    }
    image("imagenet/images/val/" + id + "/v.JPEG");
  }
}

void Miniatures::caltech() const {
  const std::string folder = "caltech-101/101_ObjectCategories/";
  images({{folder + "Faces", 4},
          {folder + "Faces_easy", 4},
          {folder + "BACKGROUND_Google", 4},
          {folder + "accordion", 4},
          {folder + "airplanes", 4}});
}

void Miniatures::pets() const {
  std::string trainval;
  for (const int i : {1, 2, 3, 4, 5, 9}) {
    image("oxford_pets/images/Pug_" + number(i) + ".jpg");
    image("oxford_pets/images/american_bulldog_" + number(i) + ".jpg");
    if (i == 9) continue;
    trainval += "Pug_" + number(i) + " 2 2 1\namerican_bulldog_" + number(i) + " 1 2 1\n";
  }
  text("oxford_pets/annotations/trainval.txt", trainval);
  text("oxford_pets/annotations/test.txt", "american_bulldog_9 1 2 1\r\nPug_9 2 2 1");
}

void Miniatures::cars() const {
  std::vector<mat::Annotation> train, test{{"00001.jpg", 2}, {"00002.jpg", 1}};
  const uint8_t classes[] = {1, 2, 2, 1, 1, 2, 2, 1, 1, 2};
  for (int i = 1; i <= 10; ++i) {
    train.push_back({(i < 10 ? "0000" : "000") + number(i) + ".jpg", classes[i - 1]});
  }
  for (const auto& one : train) image("stanford_cars/cars_train/" + one.file);
  for (const auto& one : test) image("stanford_cars/cars_test/" + one.file);
  text("stanford_cars/devkit/cars_train_annos.mat",
       mat::file(mat::compressed(mat::annotations(train))));
  text("stanford_cars/cars_test_annos_withlabels.mat", mat::file(mat::annotations(test)));
  text("stanford_cars/devkit/cars_meta.mat",
       mat::file(mat::cell("class_names", {"AM General Hummer SUV 2000", "Acura RL 2012"})));
}

void Miniatures::flowers() const {
  text("oxford_flowers/imagelabels.mat",
       mat::file(mat::compressed(mat::doubles("labels", {2, 1, 2, 1, 2, 1, 2, 1, 2, 1}))));
  text("oxford_flowers/cat_to_name.json",
       R"({"2": "hard-leaved pocket orchid", "1": "pink primrose"})");
  for (int i = 1; i <= 10; ++i) {
    image("oxford_flowers/jpg/image_000" + std::string(i < 10 ? "0" : "") + number(i) + ".jpg");
  }
}

void Miniatures::food() const {
  images({{"food-101/images/apple_pie", 4}, {"food-101/images/ramen", 4}});
}

void Miniatures::aircraft() const {
  const std::pair<const char*, const char*> lists[] = {
      {"train",
       "1025794 707-320\n0056978 Yak-42\n1 Boeing 717\n4 Boeing 717\n5 707-320\n6 Yak-42\n"},
      {"val", "0734042 Boeing 717\n"},
      {"test", "2 Yak-42\n3 707-320\n7 Boeing 717\n"}};
  text("fgvc_aircraft/variants.txt", "707-320\nBoeing  717\nYak-42\n");
  for (const auto& [list, lines] : lists) {
    text("fgvc_aircraft/images_variant_" + std::string(list) + ".txt", lines);
  }
  for (const char* name : {"1025794", "0056978", "0734042", "1", "2", "3", "4", "5", "6", "7"}) {
    image("fgvc_aircraft/images/" + std::string(name) + ".jpg");
  }
}

void Miniatures::sun() const {
  const std::string folders[] = {"/b/bow_window/indoor", "/a/abbey"};
  std::string lists[2];
  for (const int i : {0, 1, 2, 3, 4, 9}) {
    for (const std::string& folder : folders) {
      const std::string path = folder + "/" + number(i) + ".jpg";
      lists[i == 9] += path + "\n";
      image("sun397/SUN397" + path);
    }
  }
  text("sun397/ClassName.txt", "/a/abbey\n/b/bow_window/indoor\n");
  text("sun397/Training_01.txt", lists[0]);
  text("sun397/Testing_01.txt", lists[1]);
}

void Miniatures::textures() const { images({{"dtd/images/banded", 4}, {"dtd/images/dotted", 4}}); }

void Miniatures::eurosat() const {
  for (int i = 0; i < 5; ++i) image("eurosat/2750/AnnualCrop/" + number(i) + ".jpg");
  for (int i = 0; i < 6; ++i) image("eurosat/2750/Forest/" + number(i) + ".jpg");
}

void Miniatures::ucf() const {
  const std::pair<std::string, std::string> actions[] = {{"ApplyEyeMakeup", "Apply_Eye_Makeup"},
                                                         {"YoYo", "Yo_Yo"}};
  std::string lists[2];
  for (const int i : {1, 2, 3, 4, 5, 9}) {
    for (int label = 0; label < 2; ++label) {
      const auto& [action, name] = actions[label];
      const std::string video = "v_" + action + "_g0" + number(i) + "_c01";
      lists[i == 9] +=
          action + "/" + video + ".avi" + (i == 9 ? "" : " " + number(label + 1)) + "\n";
      image("ucf101/UCF-101-midframes/" + name + "/" + video + ".jpg");
    }
  }
  text("ucf101/ucfTrainTestlist/classInd.txt", "1 ApplyEyeMakeup\n2 YoYo\n");
  text("ucf101/ucfTrainTestlist/trainlist01.txt", lists[0]);
  text("ucf101/ucfTrainTestlist/testlist01.txt", lists[1]);
}

void Miniatures::imagenet_v2() const {
  for (int label = 0; label < 4; ++label) {
    const std::string folder =
        "imagenetv2/imagenetv2-matched-frequency-format-val/" + number(label);
    image(folder + "/x.jpeg");
    image(folder + "/w.jpeg");
  }
}

void Miniatures::sketch() const {
  for (const auto& id : kIds) image("imagenet-sketch/images/" + id + "/s.JPEG");
  text("imagenet-sketch/classnames.txt", kNames);
}

void Miniatures::some_classes(const std::string& folder, const char* file) const {
  for (const char* id : {"n03773504", "n01443537"}) image(folder + id + file);
  text(folder + "README.txt", "");
}
void Miniatures::imagenet_a() const { some_classes("imagenet-adversarial/imagenet-a/", "/x.jpg"); }
void Miniatures::imagenet_r() const { some_classes("imagenet-rendition/imagenet-r/", "/x.png"); }

}  // namespace qprompt::testing_support
