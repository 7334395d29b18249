#include "artifact/impl/reader.h"

#include <bit>

#include "artifact/impl/format.h"

namespace qprompt::artifact {

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  }
  return value;
}

std::string_view Reader::take(size_t count, std::string_view what) {
  if (count > left()) {
    refuse(cat(what, " takes ", count, " bytes, and only ", left(), " are left"));
  }
  at_ += count;
  return bytes_.substr(at_ - count, count);
}

uint64_t Reader::number(size_t size, std::string_view what) {
  return little_endian(take(size, what));
}

uint64_t Reader::varint(std::string_view what, int most) {
  uint64_t value = 0;
  for (int shift = 0; shift < 7 * most; shift += 7) {
    const uint64_t byte = number(1, what);
    if (shift == 63 && byte > 1) refuse(cat(what, " has more than 64 bits"));
    value |= (byte & 0x7F) << shift;
    if (byte >= 0x80) continue;
    if (byte == 0 && shift > 0) refuse(cat(what, " is written with more bytes than it needs"));
    return value;
  }
  refuse(cat(what, " has more than ", most, " bytes"));
}

std::string Reader::text(size_t size, std::string_view what) {
  const size_t from = at();
  const std::string_view bytes = take(size, what);
  checked(from, [&] { check_text(bytes, what); });
  return std::string(bytes);
}

namespace {

void read_codes(Reader& in, StoredTensor& tensor) {
  tensor.quantized.bits = tensor.bits;
  const int64_t count = tensor.count();
  const size_t from = in.at();
  const std::string_view packed =
      in.take(static_cast<size_t>((count * tensor.bits + 7) / 8), "the codes of a tensor");
  in.checked(from, [&] {
    const auto* bytes = reinterpret_cast<const uint8_t*>(packed.data());
    tensor.quantized.codes = unpack_codes({bytes, packed.size()}, tensor.bits, count);
  });
  // The groups are at most as many as the values, which are there.
  const auto centres = static_cast<size_t>(tensor.codebooks << tensor.bits);
  const std::string_view books = in.take(2 * centres, "the centres of a tensor");
  for (size_t k = 0; k < centres; ++k) {
    tensor.quantized.codebook.push_back(
        static_cast<uint16_t>(little_endian(books.substr(2 * k, 2))));
  }
}

void read_plain(Reader& in, StoredTensor& tensor) {
  const auto size = static_cast<size_t>(tensor.bits / 8),
             count = static_cast<size_t>(tensor.count());
  const std::string_view raw = in.take(count * size, "the values of a tensor");
  tensor.plain.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const auto bits = static_cast<uint32_t>(little_endian(raw.substr(i * size, size)));
    tensor.plain[i] =
        size == 2 ? from_half(static_cast<uint16_t>(bits)) : std::bit_cast<float>(bits);
  }
}

StoredTensor read_tensor(Reader& in, int version) {
  StoredTensor tensor;
  const size_t from = in.at();
  tensor.name = in.take(in.number(1, "the length of a tensor's name"), "a tensor's name");
  tensor.bits = int64_t(in.number(1, "a tensor's bits"));
  const uint64_t axes = in.number(1, "the number of axes");
  if (axes > kMostAxes) in.refuse_at(in.at() - 1, cat(axes, " axes; at most ", kMostAxes));
  for (uint64_t a = 0; a < axes; ++a) {
    tensor.shape.push_back(int64_t(version == 1 ? in.number(4, "an axis") : in.varint("an axis")));
  }
  if (version > 1 && tensor.bits <= 8) {
    tensor.codebooks = int64_t(in.varint("the number of codebooks"));
  }
  in.checked(from, [&] { check_form(tensor); });
  const size_t payload = in.at();
  tensor.bits <= 8 ? read_codes(in, tensor) : read_plain(in, tensor);
  in.checked(payload, [&] { check_values(tensor); });
  return tensor;
}

}  // namespace

std::vector<StoredTensor> read_tensors(Reader& in, size_t count, int version) {
  std::vector<StoredTensor> tensors;
  int64_t values = 0;
  for (size_t t = 0; t < count; ++t) {
    const size_t from = in.at();
    tensors.push_back(read_tensor(in, version));
    values += tensors.back().count();
    if (values > kMostValues) in.refuse_at(from, cat("more than ", kMostValues, " values in all"));
  }
  return tensors;
}

std::vector<std::string> read_class_names(Reader& in, size_t size) {
  std::vector<std::string> names;
  if (size == 0 || size > in.left()) in.refuse(cat("class names of ", size, " bytes"));
  const size_t end = in.at() + size;
  while (in.at() < end) {
    if (names.size() == kMostClasses) in.refuse(cat("more than ", kMostClasses, " class names"));
    names.push_back(in.text("a class name"));
  }
  if (in.at() != end) in.refuse(cat("the class names should end at byte ", end));
  return names;
}

}  // namespace qprompt::artifact
