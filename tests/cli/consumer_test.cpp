// A program of somebody else: finds the installed package, links it, learns and classifies.
#include "support/run.h"

namespace qprompt::testing_support {
namespace {

TEST(ConsumerTest, TheInstalledPackageServesAProgramOfSomebodyElse) {
  TempFolder temp;
  const RunResult install = run_shell("cmake --install " + quote(QPROMPT_BINARY_DIR) +
                                      " --prefix " + quote(temp / "prefix") + " > /dev/null");
  ASSERT_EQ(install.code, 0) << install.err;
  const RunResult build = run_shell(
      "cmake -S " + quote(std::string(QPROMPT_SOURCE_DIR) + "/examples/consumer") + " -B " +
      quote(temp / "build") + " -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=" +
      quote(temp / "prefix") + " && cmake --build " + quote(temp / "build"));
  ASSERT_EQ(build.code, 0) << build.out << build.err;
  std::string image;
  for (const auto& e : std::filesystem::recursive_directory_iterator(demo_data() + "/test")) {
    if (e.path().extension() == ".png") image = e.path().string();
  }
  const RunResult consumer =
      run_shell(quote(temp / "build/consumer") + " " + quote(demo_clip()) + " " +
                quote(demo_data()) + " " + quote(temp / "run") + " " + quote(image));
  EXPECT_EQ(consumer.code, 0) << consumer.err;
  EXPECT_NE(consumer.out.find("prompt: "), std::string::npos) << consumer.out;
  // The installed program finds the installed demo.
  EXPECT_TRUE(std::filesystem::exists(temp / "prefix/share/qprompt/demo/clip/model.safetensors"));
  EXPECT_EQ(run_shell(quote(temp / "prefix/bin/qprompt") + " --version").code, 0);
}

}  // namespace
}  // namespace qprompt::testing_support
