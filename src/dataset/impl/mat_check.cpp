// MAT-File Format, Level 5 (MathWorks): tags of type and size, matrices of sub-elements. Without
// this check a few altered bytes keep the library that reads the file busy, or make it allocate.
#include "dataset/impl/mat_check.h"

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#include "qprompt/base.h"

namespace qprompt::dataset {
namespace {

constexpr int64_t kMaxMatBytes = int64_t{64} << 20;  ///< of the file, and of what it inflates to
constexpr size_t kHeader = 128;
constexpr uint64_t kMaxElements = 10'000'000;
constexpr int kMaxDepth = 8;

enum Type : uint32_t { kInt8 = 1, kInt32 = 5, kUint32 = 6, kMatrix = 14, kCompressed = 15 };
enum Class : uint32_t { kCell = 1, kStruct = 2, kChar = 4, kFirstNumeric = 6, kLastNumeric = 15 };

/// One tagged element.
struct Element {
  uint32_t type = 0;
  std::string_view data;
};

/// Bytes of one value; 0 for types that hold no values.
size_t size_of(uint32_t type) {
  constexpr size_t kSizes[] = {0, 1, 1, 2, 2, 4, 4, 4, 0, 8, 0, 0, 8, 8, 0, 0, 1, 2, 4};
  return type < std::size(kSizes) ? kSizes[type] : 0;
}

class Checker {
 public:
  explicit Checker(const std::string& file) : file_(file) {}

  void check(std::string_view bytes) {
    if (bytes.size() < kHeader) refuse("it has ", bytes.size(), " bytes, too few for a header");
    if (bytes.substr(124, 4) != std::string_view("\0\1IM", 4)) {
      refuse("it is no little-endian MATLAB file of version 5; save it with -v7 or older");
    }
    bytes.remove_prefix(kHeader);
    while (!bytes.empty()) {
      const Element element = take(bytes, false);
      if (element.type == kCompressed) {
        const std::string inflated = inflate_all(element.data);
        std::string_view inner = inflated;
        check_matrix(take(inner, true), 0);
        if (inner.size() >= 8) refuse("bytes are left over in a compressed variable");
      } else {
        check_matrix(element, 0);
      }
    }
  }

 private:
  template <class... What>
  [[noreturn]] void refuse(const What&... what) const {
    fail(ErrorKind::kContent, "the MATLAB file '", file_, "' is damaged: ", what...,
         "; get it again");
  }

  static uint32_t number(std::string_view bytes, size_t at) {
    uint32_t value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  }

  /// The element at the front, and `bytes` moved beyond it; inside others, elements are padded to
  /// multiples of 8 bytes, the last one perhaps not.
  Element take(std::string_view& bytes, bool padded) {
    if (bytes.size() < 8) refuse("an element's tag is cut off");
    const uint32_t first = number(bytes, 0);
    if (const uint32_t small = first >> 16; small != 0) {
      if (small > 4) refuse("a small element has ", small, " bytes");
      const Element element{first & 0xffff, bytes.substr(4, small)};
      bytes.remove_prefix(8);
      return element;
    }
    const uint64_t size = number(bytes, 4);
    if (size > bytes.size() - 8) {
      refuse("an element of ", size, " bytes stands where ", bytes.size() - 8, " are left");
    }
    const Element element{first, bytes.substr(8, size)};
    const uint64_t whole = 8 + (padded ? (size + 7) / 8 * 8 : size);
    bytes.remove_prefix(std::min<uint64_t>(whole, bytes.size()));
    return element;
  }

  std::string inflate_all(std::string_view packed) {
    std::string out;
    z_stream stream{};
    if (inflateInit(&stream) != Z_OK) refuse("it cannot be inflated");
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    int state = Z_OK;
    char buffer[1 << 14];
    while (state == Z_OK && inflated_ <= kMaxMatBytes) {
      stream.next_out = reinterpret_cast<Bytef*>(buffer);
      stream.avail_out = sizeof buffer;
      state = ::inflate(&stream, Z_NO_FLUSH);
      const size_t got = sizeof buffer - stream.avail_out;
      out.append(buffer, got);
      inflated_ += static_cast<int64_t>(got);
    }
    inflateEnd(&stream);
    if (inflated_ > kMaxMatBytes) refuse("it inflates to more than ", kMaxMatBytes, " bytes");
    if (state != Z_STREAM_END) refuse("a compressed variable does not inflate");
    return out;
  }

  void check_matrix(const Element& matrix, int depth) {
    if (matrix.type != kMatrix) refuse("an element of type ", matrix.type, " is no matrix");
    if (depth > kMaxDepth) refuse("variables are nested more than ", kMaxDepth, " deep");
    std::string_view rest = matrix.data;
    if (rest.empty() && depth > 0) return;  // an empty cell
    const Element flags = take(rest, true);
    if (flags.type != kUint32 || flags.data.size() != 8) refuse("a matrix has no flags");
    const uint32_t type = number(flags.data, 0) & 0xff;
    const uint64_t elements = count(take(rest, true));
    if (take(rest, true).type != kInt8) refuse("a matrix has no name");
    if (type == kCell) {
      for (uint64_t i = 0; i < elements; ++i) check_matrix(take(rest, true), depth + 1);
    } else if (type == kStruct) {
      const uint64_t fields = count_fields(rest);
      if (elements * fields > kMaxElements) refuse("a struct has too many fields");
      for (uint64_t i = 0; i < elements * fields; ++i) check_matrix(take(rest, true), depth + 1);
    } else if (type == kChar || (type >= kFirstNumeric && type <= kLastNumeric)) {
      check_values(rest, elements);
    } else {
      refuse("a variable is of class ", type, ", which annotations do not have");
    }
    if (rest.size() >= 8) refuse("bytes are left over in a variable");
  }

  /// The values of a text or a numeric matrix: the real part, and perhaps an imaginary one.
  void check_values(std::string_view& rest, uint64_t elements) {
    if (elements == 0 && rest.empty()) return;
    for (int part = 0; part < 2 && (part == 0 || rest.size() >= 8); ++part) {
      const Element values = take(rest, true);
      const size_t size = size_of(values.type);
      if (size == 0 || values.data.size() % size != 0 || values.data.size() / size != elements) {
        refuse("a matrix of ", elements, " elements has ", values.data.size(), " bytes of type ",
               values.type);
      }
    }
  }

  /// The product of a matrix's dimensions.
  uint64_t count(const Element& dimensions) {
    const size_t n = dimensions.data.size() / 4;
    if (dimensions.type != kInt32 || dimensions.data.size() % 4 != 0 || n < 2 || n > 8) {
      refuse("a matrix has no dimensions");
    }
    uint64_t product = 1;
    for (size_t i = 0; i < n; ++i) {
      product *= number(dimensions.data, 4 * i);  // 2³² · 10⁷ fits
      if (product > kMaxElements) refuse("a matrix has more than ", kMaxElements, " elements");
    }
    return product;
  }

  uint64_t count_fields(std::string_view& rest) {
    const Element length = take(rest, true);
    const Element names = take(rest, true);
    if (length.type != kInt32 || length.data.size() != 4 || names.type != kInt8) {
      refuse("a struct has no field names");
    }
    const uint32_t size = number(length.data, 0);
    if (size < 2 || size > 64 || names.data.size() % size != 0) {
      refuse("a struct's field names have ", size, " bytes each");
    }
    for (size_t end = size; end <= names.data.size(); end += size) {
      if (names.data[end - 1] != '\0') refuse("a struct's field name does not end");
    }
    return names.data.size() / size;
  }

  const std::string& file_;
  int64_t inflated_ = 0;
};

}  // namespace

void check_mat_file(const std::string& file) { Checker(file).check(read_file(file, kMaxMatBytes)); }

}  // namespace qprompt::dataset
