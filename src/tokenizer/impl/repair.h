// Text repaired as OpenAI's tokenizer has it repaired by ftfy before anything else.
#pragma once

#include <string>
#include <string_view>

namespace qprompt::tokenizer {

/// What `ftfy.fix_text` (6.3) makes of a text, but for its guesses at text that was decoded in a
/// wrong encoding (`fix_encoding`), which are left out: HTML references where no "<" is, C1 control
/// characters as Windows means them, Latin ligatures, full and half widths, curly quotes, line
/// breaks, terminal escapes, control characters, and normalization form C; until nothing changes.
std::u32string repair(std::u32string_view text);

}  // namespace qprompt::tokenizer
