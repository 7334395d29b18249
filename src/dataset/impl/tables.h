// Data sets that are tables of paths and labels, or shards of WebDataset. Private to the room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "qprompt/dataset.h"

namespace qprompt::dataset {

/// Whether a path is a file that `read_tables` takes: .csv, .tsv, .jsonl, .tar.
bool is_table(const std::string& path);
/// Whether a folder has metadata.csv or .jsonl (Hugging Face's image folders), itself or in each of
/// its parts, or holds tar files and no folders.
bool holds_tables(const std::string& folder);

/// The split of such a file or folder. A column or a shard's name may say which part a row belongs
/// to; else each class is split as a plain folder's, with `seed`. Throws kPath or kContent with the
/// file and line.
Split read_tables(const std::string& path, uint64_t seed, Log& log);

/// One row: where the image is, its class, and its part (empty: not said).
struct TableRow {
  std::string path, label, part;
};

/// The rows of a table's text; `file` stands in messages and tells the format by its ending. The
/// first line may name the columns; without names the first column is the path, the second the
/// label.
std::vector<TableRow> parse_table(const std::string& file, std::string_view bytes);

/// A file inside a tar file.
struct TarMember {
  std::string name;
  int64_t offset = 0, size = 0;
};
/// The regular files of a tar file (ustar, GNU's long names, pax), in order. Throws kPath, or
/// kContent with the byte where it is damaged.
std::vector<TarMember> list_tar(const std::string& path);

/// The rows of one shard of WebDataset: pictures with a .cls, .txt or .json of the same key; paths
/// begin with `prefix`.
std::vector<TableRow> read_shard(const std::string& path, const std::string& prefix);

}  // namespace qprompt::dataset
