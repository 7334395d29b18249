// Writes small pickles, zip archives and safetensors files by hand, right or wrong, for the tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "qprompt/base.h"

namespace qprompt::testing {

template <class Integer>
std::string little(Integer value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

/// Opcodes of a pickle, one call each; `+=` on `out` writes anything else.
struct Pickle {
  std::string out = std::string("\x80\x02", 2);

  Pickle& op(const std::string& bytes) {
    out += bytes;
    return *this;
  }
  Pickle& text(const std::string& s) {
    return op("X").op(little(static_cast<uint32_t>(s.size()))).op(s);
  }
  Pickle& integer(int32_t v) { return op("J").op(little(v)); }
  Pickle& global(const std::string& module, const std::string& name) {
    return op("c" + module + "\n" + name + "\n");
  }
  Pickle& integers(const std::vector<int32_t>& values) {
    op("(");
    for (const auto v : values) integer(v);
    return op("t");
  }
  Pickle& storage(const std::string& type, const std::string& key, int32_t numel,
                  const std::string& device = "cpu") {
    op("(").text("storage").global("torch", type).text(key).text(device).integer(numel);
    return op("tQ");
  }
  /// A float tensor of storage "0" with `numel` values.
  Pickle& tensor(int32_t numel, int32_t offset, const std::vector<int32_t>& sizes,
                 const std::vector<int32_t>& strides) {
    global("torch._utils", "_rebuild_tensor_v2").op("(");
    storage("FloatStorage", "0", numel).integer(offset).integers(sizes).integers(strides);
    op("\x89").global("collections", "OrderedDict").op(")R");
    return op("tR");
  }
  std::string stop() const { return out + "."; }
};

struct ZipMember {
  std::string name, content;
  bool deflate = false;
  bool checksum = true;
};

inline std::string deflated(const std::string& content) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// An archive as torch writes it: sizes in the directory, data at multiples of `align`. With
/// `zip64`, offsets and counts stand in zip64 records only.
inline std::string zip(const std::vector<ZipMember>& members, size_t align = 64,
                       bool zip64 = false) {
  std::string out, directory;
  for (const auto& m : members) {
    const std::string packed = m.deflate ? deflated(m.content) : m.content;
    const uint32_t crc =
        m.checksum ? static_cast<uint32_t>(crc32_z(
                         0, reinterpret_cast<const Bytef*>(m.content.data()), m.content.size()))
                   : 0;
    const std::string common = little<uint16_t>(0) + little<uint16_t>(m.deflate ? 8 : 0) +
                               little<uint32_t>(0) + little(crc) +
                               little<uint32_t>(static_cast<uint32_t>(packed.size())) +
                               little<uint32_t>(static_cast<uint32_t>(m.content.size())) +
                               little<uint16_t>(static_cast<uint16_t>(m.name.size()));
    const uint64_t header = out.size();
    const size_t extra = (align - (header + 30 + m.name.size()) % align) % align;
    out += "PK\x03\x04" + little<uint16_t>(20) + common +
           little<uint16_t>(static_cast<uint16_t>(extra)) + m.name + std::string(extra, 'Z') +
           packed;
    const std::string extra64 =
        zip64 ? little<uint16_t>(1) + little<uint16_t>(8) + little(header) : "";
    directory +=
        "PK\x01\x02" + little<uint16_t>(20) + little<uint16_t>(20) + common +
        little<uint16_t>(static_cast<uint16_t>(extra64.size())) + std::string(10, '\0') +
        (zip64 ? little<uint32_t>(0xffffffff) : little<uint32_t>(static_cast<uint32_t>(header))) +
        m.name + extra64;
  }
  const uint64_t at = out.size(), end64 = at + directory.size(), count = members.size();
  out += directory;
  if (zip64) {
    out += "PK\x06\x06" + little<uint64_t>(44) + little<uint32_t>(0) + little<uint64_t>(0) +
           little(count) + little(count) + little<uint64_t>(directory.size()) + little(at);
    out += "PK\x06\x07" + little<uint32_t>(0) + little(end64) + little<uint32_t>(1);
  }
  const auto count16 = static_cast<uint16_t>(zip64 ? 0xffff : count);
  out += "PK\x05\x06" + little<uint32_t>(0) + little(count16) + little(count16) +
         little<uint32_t>(static_cast<uint32_t>(directory.size())) +
         little<uint32_t>(zip64 ? 0xffffffff : static_cast<uint32_t>(at)) + little<uint16_t>(0);
  return out;
}

/// A torch archive with this data.pkl and the float storage "0".
inline std::string archive(const std::string& pickle, const std::vector<float>& values = {}) {
  const std::string bytes(reinterpret_cast<const char*>(values.data()), values.size() * 4);
  return zip({{"m/data.pkl", pickle}, {"m/data/0", bytes}, {"m/version", "3\n"}});
}

inline std::string safetensors(const std::string& header, const std::string& data = "") {
  return little<uint64_t>(header.size()) + header + data;
}

/// A folder of its own that goes with the test.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "qprompt_weights_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) fail(ErrorKind::kInternal, "no temporary folder");
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return file(name);
  }
  size_t count() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_),
                                             std::filesystem::directory_iterator()));
  }

 private:
  std::filesystem::path path_;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

/// Whether a message holds every part; says which it lacks.
template <class... Parts>
::testing::AssertionResult says(const std::string& message, const Parts&... parts) {
  for (const std::string& part : {std::string(parts)...}) {
    if (message.find(part) == std::string::npos) {
      return ::testing::AssertionFailure() << "\"" << message << "\" lacks \"" << part << '"';
    }
  }
  return ::testing::AssertionSuccess();
}

/// The message of the Error of this kind that `act` throws; "" when it throws none.
template <class Act>
std::string error_of(Act act, ErrorKind kind = ErrorKind::kContent) {
  try {
    act();
  } catch (const Error& error) {
    return error.kind() == kind ? error.what() : cat("another kind: ", error.what());
  }
  return "";
}

}  // namespace qprompt::testing
