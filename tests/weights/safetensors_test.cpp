#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "qprompt/base.h"
#include "qprompt/weights.h"
#include "weights/assembler.h"
#include "weights/impl/safetensors.h"

namespace qprompt {
namespace {

using testing::error_of;
using testing::safetensors;
using testing::says;
using testing::slurp;
using testing::TempFolder;

WeightStore parse(const std::string& bytes) { return parse_safetensors(own_bytes("f", bytes)); }

std::string refusal(const std::string& bytes) {
  return error_of([&] { parse(bytes); });
}

/// One tensor "a" with these fields and 16 bytes of data.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return safetensors(R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape +
                         R"(,"data_offsets":)" + offsets + "}}",
                     std::string(16, '\1'));
}

/// A sum over every byte: finds a view that leaves its file when run under a sanitizer.
uint64_t touch(const WeightStore& store) {
  uint64_t sum = 0;
  for (const auto& [name, tensor] : store.tensors) {
    const at::Tensor flat = tensor.contiguous();
    const auto* at = static_cast<const uint8_t*>(flat.data_ptr());
    for (size_t i = 0; i < flat.nbytes(); ++i) sum += at[i];
  }
  return sum;
}

std::map<std::string, at::Tensor> samples() {
  std::map<std::string, at::Tensor> tensors;
  for (const auto dtype : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong, at::kInt,
                           at::kShort, at::kChar, at::kByte}) {
    tensors["type." + std::to_string(static_cast<int>(dtype))] = at::arange(7).to(dtype);
  }
  tensors["bool"] = at::arange(3).eq(1);
  tensors["scalar"] = at::scalar_tensor(2.5, at::kFloat);
  tensors["empty"] = at::empty({0, 3}, at::kFloat);
  tensors["transposed"] = at::arange(6).to(at::kFloat).view({2, 3}).t();
  return tensors;
}

TEST(SafetensorsTest, ReadsBackWhatItWrote) {
  const TempFolder folder;
  const auto tensors = samples();
  write_safetensors(folder.file("a"), tensors, {{"k", "ä\n"}, {"format", "pt"}});
  for (const auto& store : {read_safetensors(folder.file("a")), read_weights(folder.file("a"))}) {
    EXPECT_EQ(store.metadata, (std::map<std::string, std::string>{{"k", "ä\n"}, {"format", "pt"}}));
    ASSERT_EQ(store.tensors.size(), tensors.size());
    for (const auto& [name, tensor] : tensors) {
      const at::Tensor& read = store.at(name);
      EXPECT_EQ(read.scalar_type(), tensor.scalar_type()) << name;
      EXPECT_TRUE(at::equal(read, tensor)) << name;
    }
  }
}

TEST(SafetensorsTest, WritesTheSameBytesTwice) {
  const TempFolder folder;
  write_safetensors(folder.file("a"), samples(), {{"k", "v"}});
  write_safetensors(folder.file("b"), samples(), {{"k", "v"}});
  EXPECT_EQ(slurp(folder.file("a")), slurp(folder.file("b")));
  EXPECT_EQ(folder.count(), 2u);
}

TEST(SafetensorsTest, AlignsEveryTensorThatItWrites) {
  const TempFolder folder;
  write_safetensors(folder.file("a"), samples(), {});
  const std::string bytes = slurp(folder.file("a"));
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  for (const auto& [name, tensor] : read_safetensors(folder.file("a")).tensors) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data_ptr()) % tensor.element_size(), 0u) << name;
  }
}

TEST(SafetensorsTest, KeepsTheMappingAliveWithItsTensors) {
  const TempFolder folder;
  write_safetensors(folder.file("a"), {{"x", at::arange(1000).to(at::kFloat)}}, {});
  at::Tensor kept;
  { kept = read_safetensors(folder.file("a")).at("x"); }
  EXPECT_EQ(kept.sum().item<float>(), 499500.f);
}

TEST(SafetensorsTest, CopiesTensorsThatAreMisaligned) {
  const std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  for (size_t pad = 0; pad < 8; ++pad) {
    const float value = 1.5f;
    const auto store = parse(safetensors(header + std::string(pad, ' '), testing::little(value)));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(store.at("a").data_ptr()) % 4, 0u);
    EXPECT_EQ(store.at("a").item<float>(), 1.5f);
  }
}

TEST(SafetensorsTest, AcceptsAFileWithoutTensors) {
  EXPECT_TRUE(parse(safetensors("{}")).tensors.empty());
  EXPECT_TRUE(parse(safetensors(R"({"__metadata__":{}})")).tensors.empty());
}

TEST(SafetensorsTest, RefusesEveryTruncation) {
  const TempFolder folder;
  write_safetensors(folder.file("a"), {{"x", at::arange(5)}, {"y", at::ones({3})}}, {{"k", "v"}});
  const std::string bytes = slurp(folder.file("a"));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(says(refusal(bytes.substr(0, size)), "'f'")) << size;
  }
  EXPECT_TRUE(says(refusal(bytes + "x"), "data byte"));
}

TEST(SafetensorsTest, ReadsOrRefusesEverySingleByteAlteration) {
  const TempFolder folder;
  write_safetensors(folder.file("a"), {{"x", at::arange(2)}, {"b", at::arange(2).eq(1)}}, {});
  const std::string bytes = slurp(folder.file("a"));
  int refused = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string altered = bytes;
      altered[i] = static_cast<char>(value);
      try {
        touch(parse(altered));
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kContent);
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 10000);
}

TEST(SafetensorsTest, RefusesAnOffsetBeyondTheFile) {
  EXPECT_TRUE(says(refusal(one("F32", "[5]", "[0,20]")), "data offsets 0 to 20"));
  EXPECT_TRUE(says(refusal(one("F32", "[4]", "[18446744073709551600,18446744073709551615]")),
                   "there are 16 bytes"));
  EXPECT_TRUE(says(refusal(one("F32", "[4]", "[16,0]")), "data offsets 16 to 0"));
}

TEST(SafetensorsTest, RefusesOverlapsAndHoles) {
  const auto two = [](const std::string& b) {
    return refusal(safetensors(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
                               R"("b":{"dtype":"U8","shape":[8],"data_offsets":)" +
                                   b + "}}",
                               std::string(16, 'x')));
  };
  EXPECT_EQ(two("[8,16]"), "");
  EXPECT_TRUE(says(two("[4,12]"), "inside the tensor before it"));
  EXPECT_TRUE(says(two("[0,8]"), "inside the tensor before it"));
  EXPECT_TRUE(says(refusal(one("U8", "[8]", "[8,16]")), "after a hole"));
  EXPECT_TRUE(says(refusal(one("U8", "[8]", "[0,8]")), "tensors end at data byte 8"));
}

TEST(SafetensorsTest, RefusesShapesThatOverflow) {
  const std::string huge = "9223372036854775807", half = "4611686018427387904";
  EXPECT_TRUE(says(refusal(one("F32", "[" + half + ",4,1]", "[0,16]")), "does not take"));
  EXPECT_TRUE(says(refusal(one("F32", "[" + half + "]", "[0,16]")), "does not take"));
  EXPECT_TRUE(says(refusal(one("F32", "[" + huge + ",0," + huge + "]", "[0,0]")), "damaged"));
  EXPECT_TRUE(says(refusal(one("F32", "[9223372036854775808]", "[0,16]")), "the size"));
  EXPECT_TRUE(says(refusal(one("F32", "[-4]", "[0,16]")), "negative number -4"));
  EXPECT_TRUE(says(refusal(one("F32", "[3]", "[0,16]")), "does not take the 16 bytes"));
  EXPECT_TRUE(says(refusal(one("F32", "[4.0]", "[0,16]")), "the number 4.0"));
  std::string many = "[1";
  for (int i = 0; i < 64; ++i) many += ",1";
  EXPECT_TRUE(says(refusal(one("F32", many + "]", "[0,4]")), "more than 64 sizes"));
}

TEST(SafetensorsTest, RefusesUnknownTypesAndFalseBooleans) {
  EXPECT_TRUE(says(refusal(one("F8_E4M3", "[16]", "[0,16]")), "known are F64"));
  EXPECT_TRUE(says(
      refusal(safetensors(R"({"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", "\x02")),
      "a byte above 1"));
}

TEST(SafetensorsTest, RefusesHostileHeaders) {
  EXPECT_TRUE(says(refusal(testing::little<uint64_t>(100'000'001) + "{}"), "at most 100000000"));
  EXPECT_TRUE(says(refusal(testing::little<uint64_t>(~uint64_t{0}) + "{}"), "at most"));
  EXPECT_TRUE(says(refusal(testing::little<uint64_t>(3) + "{}"), "beyond its end"));
  EXPECT_TRUE(says(refusal(testing::little<uint64_t>(0) + "{}"), "'{'"));
  EXPECT_TRUE(says(refusal(safetensors("[]")), "'{'"));
  for (const std::string bad : {"{",
                                "{}x",
                                "{}{}",
                                "{\"a\":1}",
                                "{\"a\":null}",
                                "{\"a\":[]}",
                                "{\"a\":\"x\"}",
                                "{\"a\":true}",
                                "{\"a\":{}}",
                                "{\"__metadata__\":{\"k\":1}}",
                                "{\"__metadata__\":[]}",
                                "{\"__metadata__\":{\"k\":{}}}",
                                "{\"a\":{\"dtype\":{}}}",
                                "{\"a\":{\"shape\":[[]]}}",
                                "{\"a\":{\"shape\":[\"x\"]}}",
                                "{\"a\":{\"other\":1}}",
                                "{\"a\":{\"data_offsets\":[1,2,3]}}",
                                "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0]}}",
                                "{\"\xff\":{}}",
                                "{\"a\":{\"shape\":[1e999]}}",
                                "{\"a\":{\"shape\":[{}]}}"}) {
    EXPECT_TRUE(says(refusal(safetensors(bad)), "the safetensors header is wrong")) << bad;
  }
}

TEST(SafetensorsTest, RefusesKeysThatComeTwice) {
  const std::string entry = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_TRUE(
      says(refusal(safetensors("{\"a\":" + entry + ",\"a\":" + entry + "}")), "'a' comes twice"));
  EXPECT_TRUE(
      says(refusal(safetensors(R"({"__metadata__":{"k":"1","k":"2"}})")), "'k' comes twice"));
  EXPECT_TRUE(
      says(refusal(safetensors(R"({"a":{"dtype":"U8","dtype":"U8"}})")), "'dtype' comes twice"));
}

TEST(SafetensorsTest, RefusesDeepNestingWithoutRecursion) {
  const std::string deep(2'000'000, '[');
  EXPECT_TRUE(says(refusal(safetensors("{\"a\":" + deep)), "a list"));
  EXPECT_TRUE(
      says(refusal(safetensors(std::string(1, '{') + "\"a\":{\"shape\":" + deep)), "a list"));
}

TEST(SafetensorsTest, KeepsControlCharactersOutOfMessages) {
  const std::string message = refusal(safetensors("{\"\\u001b[31m\":{}}"));
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_TRUE(says(message, "'?[31m'"));
}

TEST(SafetensorsTest, NamesTheFileAndTheTensorThatIsAbsent) {
  EXPECT_TRUE(says(error_of([] { parse(one("U8", "[16]", "[0,16]")).at("visual.proj"); }), "'f'",
                   "'visual.proj'"));
}

TEST(SafetensorsTest, RefusesToWriteWhatTheFormatCannotHold) {
  const TempFolder folder;
  const auto written = [&](const std::string& name, const at::Tensor& tensor) {
    return error_of([&] { write_safetensors(folder.file("a"), {{name, tensor}}, {}); });
  };
  EXPECT_TRUE(says(written("x", at::Tensor()), "'x' is undefined"));
  EXPECT_TRUE(says(written("x", at::empty({1}, at::kComplexFloat)), "'x'"));
  EXPECT_TRUE(says(written("__metadata__", at::ones({1})), "__metadata__"));
  EXPECT_TRUE(says(written("\xff", at::ones({1})), "UTF-8"));
  EXPECT_EQ(folder.count(), 0u);
}

TEST(SafetensorsTest, LeavesNothingWhereItCannotWrite) {
  const TempFolder folder;
  EXPECT_TRUE(says(
      error_of([&] { write_safetensors(folder.file("no/a"), {}, {}); }, ErrorKind::kPath), "no/a"));
  EXPECT_EQ(folder.count(), 0u);
}

TEST(SafetensorsTest, LeavesTheOldFileWhenTheDiskIsFull) {
  const TempFolder folder;
  folder.write("a", "old");
  struct rlimit before {};
  ::getrlimit(RLIMIT_FSIZE, &before);
  // A limit on the size of files fails writes half-way, as a full disk does, and needs no disk.
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit tight = before;
  tight.rlim_cur = 10'000;
  ::setrlimit(RLIMIT_FSIZE, &tight);
  const std::string message = error_of(
      [&] {
        write_safetensors(folder.file("a"), {{"x", at::zeros({100'000})}}, {});
      },
      ErrorKind::kPath);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(says(message, "cannot write"));
  EXPECT_EQ(slurp(folder.file("a")), "old");
  EXPECT_EQ(folder.count(), 1u);
}

}  // namespace
}  // namespace qprompt
