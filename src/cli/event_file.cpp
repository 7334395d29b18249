#include "cli/event_file.h"

#include <array>
#include <bit>
#include <cmath>

#include "qprompt/base.h"

namespace qprompt::cli {
namespace {

static_assert(std::endian::native == std::endian::little, "both formats are little-endian");

template <class Value>
void append_raw(std::string& out, Value value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

/// Protocol buffers: the field's number and wire type (0 varint, 1 and 5 fixed, 2 with a length).
void append_key(std::string& out, uint32_t field, uint32_t wire) {
  append_varint(out, field << 3 | wire);
}

void append_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  append_key(out, field, 2);
  append_varint(out, bytes.size());
  out += bytes;
}

uint32_t masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

std::string framed(const std::string& message) {
  std::string out;
  append_raw(out, static_cast<uint64_t>(message.size()));
  append_raw(out, masked_crc(out));
  out += message;
  append_raw(out, masked_crc(message));
  return out;
}

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    table[i] = crc;
  }
  return table;
}

std::string begin_event(double wall_time) {
  std::string event;
  append_key(event, 1, 1);
  append_raw(event, wall_time);
  return event;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = crc_table();
  uint32_t crc = 0xffffffffu;
  for (const char c : bytes) crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xffu];
  return ~crc;
}

std::string event_header(double wall_time) {
  std::string event = begin_event(wall_time);
  append_bytes(event, 3, "brain.Event:2");
  return framed(event);
}

std::string event_record(const EventScalar& scalar) {
  std::string value, summary, event = begin_event(scalar.wall_time);
  append_bytes(value, 1, scalar.tag);
  append_key(value, 2, 5);
  append_raw(value, scalar.value);
  append_bytes(summary, 1, value);
  append_key(event, 2, 0);
  append_varint(event, static_cast<uint64_t>(scalar.step));
  append_bytes(event, 5, summary);
  return framed(event);
}

std::string event_file_name(double wall_time) {
  return cat("events.out.tfevents.", static_cast<int64_t>(std::floor(wall_time)), ".qprompt");
}

}  // namespace qprompt::cli
