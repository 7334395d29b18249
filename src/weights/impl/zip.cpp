// Field names and offsets: PKWARE's APPNOTE.TXT, sections 4.3.7 (local header), 4.3.12 (directory),
// 4.3.14 to 4.3.16 (end records) and 4.5.3 (zip64 sizes).
#include "weights/impl/zip.h"

#include <zlib.h>

#include <algorithm>

#include "qprompt/base.h"

namespace qprompt {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kDirectorySignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kLocator64Signature = 0x07064b50;
constexpr uint64_t kLocalSize = 30, kDirectorySize = 46, kEndSize = 22, kEnd64Size = 56,
                   kLocator64Size = 20;
constexpr uint32_t kIn64 = 0xffffffff;  // "the value is in the zip64 record"
// Weights hardly compress; a small archive that unfolds to much more than this is a bomb.
constexpr uint64_t kInflateFactor = 64, kInflateBase = uint64_t{64} << 20;

/// Whether [offset, offset + size) lies in [0, total), without overflow.
bool fits(uint64_t offset, uint64_t size, uint64_t total) {
  return offset <= total && size <= total - offset;
}

}  // namespace

template <class... Args>
void ZipReader::damaged(const Args&... what) const {
  fail(ErrorKind::kContent, "'", file_.source, "' is not a whole zip archive: ", what...,
       "; it is cut short or damaged, get or write it again");
}

ZipReader::ZipReader(ByteRange file)
    : file_(std::move(file)), inflate_left_(file_.size * kInflateFactor + kInflateBase) {
  const Directory directory = find_directory();
  read_directory(directory);
  check_overlaps(directory.offset);
}

ZipReader::Directory ZipReader::find_directory() const {
  if (file_.size < kEndSize) damaged("it has only ", file_.size, " bytes");
  const uint64_t last = file_.size - kEndSize;
  const uint64_t first = last > 0xffff ? last - 0xffff : 0;  // a comment may follow the end record
  for (uint64_t at = last + 1; at-- > first;) {
    const uint8_t* p = file_.data + at;
    if (load_little<uint32_t>(p) != kEndSignature) continue;
    if (load_little<uint16_t>(p + 20) != last - at) continue;
    const bool zip64 =
        at >= kLocator64Size && load_little<uint32_t>(p - kLocator64Size) == kLocator64Signature;
    Directory d{load_little<uint32_t>(p + 16), load_little<uint32_t>(p + 12),
                load_little<uint16_t>(p + 10)};
    if (zip64) {
      d = read_zip64(at);
    } else if (load_little<uint16_t>(p + 4) != 0 || load_little<uint16_t>(p + 6) != 0) {
      damaged("it is one part of several");
    }
    if (!fits(d.offset, d.size, at) || d.count > d.size / kDirectorySize) {
      damaged("its directory of ", d.count, " entries and ", d.size, " bytes at byte ", d.offset,
              " does not fit before byte ", at);
    }
    return d;
  }
  damaged("the end record of its directory is missing");
}

ZipReader::Directory ZipReader::read_zip64(uint64_t end_record) const {
  const uint64_t at = load_little<uint64_t>(file_.data + end_record - kLocator64Size + 8);
  if (!fits(at, kEnd64Size, end_record - kLocator64Size) ||
      load_little<uint32_t>(file_.data + at) != kEnd64Signature) {
    damaged("its zip64 end record is not at byte ", at);
  }
  const uint8_t* p = file_.data + at;
  if (load_little<uint32_t>(p + 16) != 0 || load_little<uint32_t>(p + 20) != 0) {
    damaged("it is one part of several");
  }
  return {load_little<uint64_t>(p + 48), load_little<uint64_t>(p + 40),
          load_little<uint64_t>(p + 32)};
}

void ZipReader::read_directory(const Directory& directory) {
  uint64_t at = directory.offset;
  const uint64_t end = directory.offset + directory.size;
  for (uint64_t i = 0; i < directory.count; ++i) {
    const uint8_t* p = file_.data + at;
    if (!fits(at, kDirectorySize, end) || load_little<uint32_t>(p) != kDirectorySignature) {
      damaged("entry ", i, " of its directory is not at byte ", at);
    }
    const uint64_t name_size = load_little<uint16_t>(p + 28);
    const uint64_t extra_size = load_little<uint16_t>(p + 30);
    const uint64_t total = kDirectorySize + name_size + extra_size + load_little<uint16_t>(p + 32);
    if (!fits(at, total, end)) damaged("entry ", i, " goes beyond its directory");
    const std::string name(file_.text().substr(at + kDirectorySize, name_size));
    ZipEntry entry{load_little<uint16_t>(p + 10), load_little<uint32_t>(p + 16),
                   load_little<uint32_t>(p + 20), load_little<uint32_t>(p + 24),
                   load_little<uint32_t>(p + 42)};
    if ((load_little<uint16_t>(p + 8) & 1) != 0) {
      fail(ErrorKind::kContent, "'", file_.source, "': entry ", in_quotes(name),
           " is encrypted; unpack the archive and pack it again without a password");
    }
    read_zip64_extra(sub_range(file_, at + kDirectorySize + name_size, extra_size), name, entry);
    read_local_header(name, entry);
    if (!entries_.emplace(name, entry).second) damaged("entry ", in_quotes(name), " comes twice");
    at += total;
  }
  if (at != end) damaged("its directory holds more than its ", directory.count, " entries");
}

void ZipReader::read_zip64_extra(const ByteRange& extra, const std::string& name,
                                 ZipEntry& entry) const {
  if (entry.size != kIn64 && entry.packed != kIn64 && entry.header != kIn64) return;
  uint64_t at = 0;
  while (fits(at, 4, extra.size)) {
    const uint16_t id = load_little<uint16_t>(extra.data + at);
    const uint16_t size = load_little<uint16_t>(extra.data + at + 2);
    at += 4;
    if (!fits(at, size, extra.size)) break;
    if (id != 1) {
      at += size;
      continue;
    }
    const uint64_t end = at + size;
    for (uint64_t* field : {&entry.size, &entry.packed, &entry.header}) {
      if (*field != kIn64) continue;
      if (!fits(at, 8, end)) damaged("the zip64 sizes of entry ", in_quotes(name), " are missing");
      *field = load_little<uint64_t>(extra.data + at);
      at += 8;
    }
    return;
  }
  damaged("the zip64 sizes of entry ", in_quotes(name), " are missing");
}

void ZipReader::read_local_header(const std::string& name, ZipEntry& entry) const {
  if (!fits(entry.header, kLocalSize, file_.size) ||
      load_little<uint32_t>(file_.data + entry.header) != kLocalSignature) {
    damaged("entry ", in_quotes(name), " is not at byte ", entry.header);
  }
  const uint8_t* p = file_.data + entry.header;
  const uint64_t name_size = load_little<uint16_t>(p + 26);
  const uint64_t skip = kLocalSize + name_size + load_little<uint16_t>(p + 28);
  if (!fits(entry.header, skip, file_.size)) damaged("entry ", in_quotes(name), " has no data");
  if (file_.text().substr(entry.header + kLocalSize, name_size) != name) {
    damaged("the entry at byte ", entry.header, " is not called ", in_quotes(name),
            " as its directory says");
  }
  entry.offset = entry.header + skip;
  if (!fits(entry.offset, entry.packed, file_.size)) {
    damaged("entry ", in_quotes(name), " of ", entry.packed, " bytes at byte ", entry.offset,
            " goes beyond the end at byte ", file_.size);
  }
}

void ZipReader::check_overlaps(uint64_t directory) const {
  std::vector<const ZipEntry*> order;
  for (const auto& [name, entry] : entries_) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->header < b->header; });
  for (size_t i = 0; i < order.size(); ++i) {
    const uint64_t next = i + 1 < order.size() ? order[i + 1]->header : directory;
    if (order[i]->offset + order[i]->packed > next) {
      damaged("the entry at byte ", order[i]->header, " overlaps what begins at byte ", next);
    }
  }
}

ByteRange ZipReader::read(const std::string& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) damaged("entry ", in_quotes(name), " is missing");
  const ZipEntry& entry = found->second;
  ByteRange content;
  if (entry.method == 0) {
    if (entry.packed != entry.size) {
      damaged("the stored entry ", in_quotes(name), " has two sizes, ", entry.packed, " and ",
              entry.size);
    }
    content = sub_range(file_, entry.offset, entry.size);
  } else if (entry.method == 8) {
    content = inflate_entry(name, entry);
  } else {
    fail(ErrorKind::kContent, "'", file_.source, "': entry ", in_quotes(name),
         " is packed by method ", entry.method, "; known are 0 (stored) and 8 (deflated)");
  }
  // torch writes 0 when it was told to leave the checksums out.
  if (entry.crc != 0 && crc32_z(0, content.data, content.size) != entry.crc) {
    damaged("the checksum of entry ", in_quotes(name), " is wrong");
  }
  return content;
}

ByteRange ZipReader::inflate_entry(const std::string& name, const ZipEntry& entry) {
  constexpr uint64_t kMostOfDeflate = 1032;  // the format's own limit on what a byte can become
  if (entry.size / kMostOfDeflate > entry.packed || entry.size > inflate_left_) {
    damaged("entry ", in_quotes(name), " claims to unfold from ", entry.packed, " to ", entry.size,
            " bytes, which is too much");
  }
  inflate_left_ -= entry.size;
  std::string out(entry.size, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  uint64_t in_done = 0, out_done = 0;
  int state = Z_OK;
  while (state == Z_OK) {  // zlib counts in 32 bits, so that large entries go in pieces
    constexpr uint64_t kPiece = 1 << 30;
    const uint64_t in = std::min(kPiece, entry.packed - in_done);
    const uint64_t room = std::min(kPiece, entry.size - out_done);
    stream.next_in = const_cast<Bytef*>(file_.data + entry.offset + in_done);
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + out_done);
    stream.avail_out = static_cast<uInt>(room);
    state = inflate(&stream, Z_NO_FLUSH);
    in_done += in - stream.avail_in;
    out_done += room - stream.avail_out;
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END || out_done != entry.size) {
    damaged("entry ", in_quotes(name), " does not unfold to its ", entry.size, " bytes");
  }
  return own_bytes(file_.source, std::move(out));
}

}  // namespace qprompt
