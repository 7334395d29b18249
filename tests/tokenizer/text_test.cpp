// What precedes the merges, against what Python's html.unescape, str.strip, str.lower and the
// module `regex` make of the same texts.
#include "tokenizer/impl/text.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tokenizer/impl/html.h"
#include "tokenizer/impl/repair.h"

namespace qprompt::tokenizer {
namespace {

using namespace std::string_literals;

TEST(TokenizerText, CleaningEqualsPythons) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"&amp;", "&"},
      {"&amp", "&"},
      {"&amp;amp;", "&"},
      {"&amp;amp;amp;", "&"},
      {"&ampx", "&x"},
      {"&AMP;&lt;&GT", "&<>"},
      {"&notit; &notin;", "¬it; ∉"},
      {"&notin", "¬in"},
      {"&ampamp;", "&"},
      {"&eacute;t&eacute", "été"},
      {"&Eacute;", "é"},
      {"&hearts; &hearts", "♥ &hearts"},
      {"&NotEqualTilde;", "≂\u0338"},
      {"&fjlig;", "fj"},
      {"&CounterClockwiseContourIntegral;", "∳"},
      {"&abcdefghijklmnopqrstuvwxyzabcdefgt;", "&abcdefghijklmnopqrstuvwxyzabcdefgt;"},
      {"&&amp;&", "&&&"},
      {"&;&#;&#x;&#xg;", "&;&#;&#x;&#xg;"},
      {"&unknown;", "&unknown;"},
      {"&a", "&a"},
      {"&lt", "<"},
      {"&l;", "&l;"},
      {"&#65;&#x41;&#X61;&#65x", "aaaax"},
      {"&#128;&#x80;&#150", "€€–"},
      {"a&#0;b", "a�b"},
      {"&#55296;&#xDFFF;", "��"},
      {"&#x110000;&#99999999999999999999;", "��"},
      {"a&#1;b&#x7f;c&#xfdd0;d&#65535;e&#x10ffff;f", "abcdef"},
      {"x&#129;y", "x\302\201y"},
      {"a&#13;b&#9;c&#10;d&#12;e&#11;f", "a b c d ef"},
      {"&nbsp;x&nbsp;", "x"},
      {"&#160;&ensp;a&emsp;b", "a b"},
      {" \011\012 a \015\012 b \013\014 c ", "a b c"},
      {"\034\037 a \034 b\035", "a b"},
      {"\302\205a\302\205\302\205b", "…a……b"},
      {"a\u200bb \ufeffc", "a\u200bb c"},
      {"\u2028a\u2029\u3000b\u1680\u202f\u205fc", "a b c"},
      {"a\000b"s, "ab"},
      {"ÀÉÎ ß ẞ", "àéî ß ß"},
      {"İstanbul I ı", "i\u0307stanbul i ı"},
      {"ΟΔΟΣ", "οδος"},
      {"Σ", "σ"},
      {"ΣΑΣ ΑΣ.", "σας ας."},
      {"ΑΣ'Α ΑΣ' Α", "ασ'α ας' α"},
      {"Α\u0301Σ\u0301 Α\u00adΣ", "άς\u0301 α\u00adς"},
      {"1Σ ªΣ ⅠΣ ⓐΣ \u02b0Σ", "1σ ªς ⅰς ⓐς \u02b0σ"},
      {"ΑΣⓐ ΑΣ\u02b0", "ασⓐ ας\u02b0"},
      {"ǅ Ǆ", "dž dž"},
      {"K Å Ω", "k å ω"},
      {"Ⅷ Ⓐ 𐐀", "ⅷ ⓐ 𐐨"},
      {"ᏸ Ꭰ ꭰ", "ᏸ ꭰ ꭰ"},
      {"a\377b", "a�b"},
      {"\303", "�"},
      {"\342\202z", "�z"},
      {"\342(\241", "�(�"},
      {"\360\237\230", "�"},
      {"\355\240\200", "���"},
      {"\300\200", "��"},
      {"\364\220\200\200", "����"},
      {"\360\200\200\200", "����"},
      {"\200\277", "��"},
      {"", ""},
      {"   ", ""},
      {"&#32;&#32;", ""},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(encode_utf8(clean(text)), expected) << "text: " << text;
  }
}

TEST(TokenizerText, TextIsRepairedAsFtfyRepairsIt) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"child’s “toy” ‚x‛ ‟y„", "child's \"toy\" 'x' \"y\""},
      {"ﬁﬂ ﬀﬃﬄ ﬅﬆ Ĳsĳ ŉ ǲ", "fifl ffffiffl ſtst IJsij 'n Dz"},
      {"ＬＯＵＤ　ｶﾀｶﾅ ￣ ￦", "LOUD カタカナ  \u0304 ₩"},
      {"a\r\nb\rc\u2028d\u2029e", "a\nb\nc\nd\ne"},
      {"\033[1;31mred\033[0m \033[x\007", "red "},
      {"a\177b\u206ac\ufeffd\ufffce", "abcde"},
      {"\302\200 \302\223x\302\224 \302\201", "€ \"x\" \302\201"},
      {"e\u0301 \u1100\u1161 Å", "é 가 Å"},
      {"&amp;lt; &EACUTE; &SZLIG; &NAPOS; &nTILDE;", "< É SS 'N &nTILDE;"},
      {"&hellip; &notit; &semi; &#59; &amp", "… &notit; ; &#59; &amp"},
      {"&amp;\n<b>&amp;\n&amp;", "&\n<b>&amp;\n&amp;"},
      {"naïve Ã©", "naïve Ã©"},  // ftfy would guess an é; guesses are left out
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(encode_utf8(repair(decode_utf8(text))), expected) << "text: " << text;
  }
}

TEST(TokenizerText, RepairingReferencesWithinReferencesWithoutEndTakesLittleTime) {
  std::u32string text = U"&";
  for (int i = 0; i < 100'000; ++i) text += U"amp;";
  EXPECT_LT(repair(text).size(), text.size());
}

TEST(TokenizerText, SplittingEqualsThePatterns) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"it's they're i'll we've don't i'm he'd",
       {"it", "'s", "they", "'re", "i", "'ll", "we", "'ve", "don", "'t", "i", "'m", "he", "'d"}},
      {"''s 'sx 's's", {"''", "s", "'s", "x", "'s", "'s"}},
      {"'ſ 'ﬅ x'tre", {"'ſ", "'", "ﬅ", "x", "'t", "re"}},
      {"a1b22 ½²ⅷ٣", {"a", "1", "b", "2", "2", "½", "²", "ⅷ", "٣"}},
      {"!?#a..b", {"!?#", "a", "..", "b"}},
      {"a_b-c", {"a", "_", "b", "-", "c"}},
      {"<|startoftext|>a<|endoftext|>", {"<|startoftext|>", "a", "<|endoftext|>"}},
      {"!<|startoftext|>", {"!<|", "startoftext", "|>"}},
      {"<|ſtartoftext|>", {"<|ſtartoftext|>"}},
      {"<|endoftext|", {"<|", "endoftext", "|"}},
      {"日本語 한국어", {"日本語", "한국어"}},
      {"i\u0307x e\u0301", {"i", "\u0307", "x", "e", "\u0301"}},
      {"a\u0345b !\u0345! \u0345", {"a", "b", "!", "!"}},
      {"x\u200by", {"x", "\u200b", "y"}},
      {"a\034b \034", {"a", "\034", "b", "\034"}},
      {"👍🏽ok👍", {"👍🏽", "ok", "👍"}},
      {"'", {"'"}},
      {"'l 'v'r", {"'", "l", "'", "v", "'", "r"}},
  };
  for (const auto& [text, expected] : cases) {
    const std::u32string decoded = decode_utf8(text);
    std::vector<std::string> pieces;
    for (const auto piece : split(decoded)) pieces.push_back(encode_utf8(piece));
    EXPECT_EQ(pieces, expected) << "text: " << text;
  }
}

TEST(TokenizerText, TheEntityTableIsWhole) {
  size_t names = 0, without_semicolon = 0;
  for (const std::string_view line : html_entity_lines()) {
    names += static_cast<size_t>(std::count(line.begin(), line.end(), ' ')) + 1;
    without_semicolon += static_cast<size_t>(std::count(line.begin(), line.end(), '!'));
  }
  EXPECT_EQ(names, 2125u);  // len(html.entities.html5) is 2231: 2125 with a semicolon, 106 without
  EXPECT_EQ(without_semicolon, 106u);
}

TEST(TokenizerText, TheFirstInvalidByteIsReported) {
  size_t invalid = 0;
  decode_utf8("ab\xffz\xff", &invalid);
  EXPECT_EQ(invalid, 2u);
  decode_utf8("ab\u00e9", &invalid);
  EXPECT_EQ(invalid, std::string_view::npos);
}

TEST(TokenizerText, EveryCodePointSurvivesEncodingAndDecoding) {
  std::u32string all;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c < 0xd800 || c > 0xdfff) all.push_back(c);
  }
  size_t invalid = 0;
  EXPECT_EQ(decode_utf8(encode_utf8(all), &invalid), all);
  EXPECT_EQ(invalid, std::string_view::npos);
}

}  // namespace
}  // namespace qprompt::tokenizer
