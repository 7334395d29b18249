// Lists as bytes and as JSON text, the same in every store. Private to the room.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace qprompt {

/// Class indices as little-endian 16-bit numbers.
std::string pack_indices(const std::vector<int64_t>& indices);
std::string pack_floats(const std::vector<float>& values);
/// A list as JSON text; what is no UTF-8 is replaced.
std::string pack_list(const std::vector<std::string>& list);
std::string pack_list(const std::vector<int64_t>& list);

/// The reverse, distrusting the bytes. Throws kContent: `where` is damaged.
std::vector<int64_t> unpack_indices(const std::string& bytes, size_t classes,
                                    const std::string& where);
std::vector<float> unpack_floats(const std::string& bytes, const std::string& where);
std::vector<std::string> unpack_texts(const std::string& json, const std::string& where);
std::vector<int64_t> unpack_numbers(const std::string& json, const std::string& where);

}  // namespace qprompt
