// HTML character references, resolved as Python's `html.unescape` resolves them.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace qprompt::tokenizer {

/// `text` with every numeric and named character reference replaced; as `html.unescape`, with HTML
/// 5's whole table, its names without final semicolon and its rule of the longest known prefix.
std::u32string html_unescape(std::u32string_view text);

/// The table of names, several entries a line; html_entities.cpp describes an entry.
std::span<const std::string_view> html_entity_lines();

}  // namespace qprompt::tokenizer
