#include "report/page.h"

#include <cstdlib>
#include <ctime>

#include "qprompt/base.h"

namespace qprompt {
namespace {

// Colours of letters, lines and series stand out from the ground by 4.5 to 1 at least, in both
// schemes. s: series, told apart by colour-blind eyes too; o: stages in order.
constexpr const char* kColours =
    ":root{color-scheme:light dark;--ground:#ffffff;--text:#1f2328;--soft:#5b636d;--rule:#d5d9de;"
    "--failed:#b3261e;--link:#0a58b5;"
    "--s0:#0062a3;--s1:#b84500;--s2:#00734f;--s3:#9c3f78;--s4:#7d5a00;--s5:#4a5058;"
    "--o0:#8a6d00;--o1:#a85b00;--o2:#b5432a;--o3:#a13065;--o4:#6b2f8a;--o5:#2c1a6b}\n"
    "@media(prefers-color-scheme:dark){:root{--ground:#16181c;--text:#e3e6ea;--soft:#a2abb5;"
    "--rule:#3c434b;--failed:#ff8a80;--link:#7fb6ff;"
    "--s0:#6cb6f5;--s1:#ff9a5c;--s2:#4fd1a5;--s3:#f0a3d0;--s4:#e8c05a;--s5:#c4cad2;"
    "--o0:#8f7fe0;--o1:#b57be0;--o2:#e07ab8;--o3:#f2867a;--o4:#f7b05c;--o5:#f9e07f}}\n";
constexpr const char* kLayout =
    "*{box-sizing:border-box}"
    "body{font:15px/1.5 sans-serif;max-width:70em;margin:0 auto;padding:1em;color:var(--text);"
    "background:var(--ground);overflow-wrap:break-word}"
    "a{color:var(--link)}h1{font-size:1.6em;line-height:1.2}h2{margin-top:2em}"
    "dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.1em 1em;font-size:13px;"
    "color:var(--soft)}dd{margin:0}dd.command{font-family:monospace}"
    "table{border-collapse:collapse;margin:.6em 0 1.4em}"
    "caption{text-align:left;font-weight:bold;padding:.3em 0}"
    "td,th{padding:.15em .8em;border-bottom:1px solid var(--rule);text-align:right;"
    "white-space:pre}td:first-child,th:first-child{text-align:left}"
    "tr.note td,figcaption{color:var(--soft)}.failed{color:var(--failed)}details{margin:.3em 0}"
    ".wide{overflow-x:auto}"
    ".figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,21em),1fr));"
    "gap:1.5em 1em;margin:1em 0}figure{margin:0;max-width:32em}"
    "figure svg{width:100%;height:auto;display:block}figcaption{font-size:13px}"
    "svg text{font:12px sans-serif;fill:var(--text)}svg .title{fill:var(--soft)}"
    ".grid,.axis{stroke:var(--rule)}.axis{stroke:var(--soft)}"
    ".line{stroke:var(--c);stroke-width:2;fill:none}.thin{stroke-width:1.4}"
    ".dashed{stroke-dasharray:5 4;stroke-width:1.6}.band{fill:var(--c);fill-opacity:.15}"
    ".dot{fill:var(--c)}.field{fill:var(--s0)}"
    ".matrix{max-width:100%;height:auto;border:1px solid var(--rule)}.hit{fill:var(--s2)}"
    ".missed{fill:var(--s1)}"
    ".pictures img{margin-right:4px;vertical-align:top}"
    "@media(max-width:32em){body{padding:.6em}td,th{padding:.15em .5em}}\n";

}  // namespace

std::string html_escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string html_paragraph(const std::string& text) { return "<p>" + html_escape(text) + "</p>\n"; }

std::string html_table(const Table& table) {
  std::string out =
      "<div class=\"wide\"><table><caption>" + html_escape(table.title) + "</caption>\n<thead><tr>";
  for (const std::string& cell : table.header) out += "<th>" + html_escape(cell) + "</th>";
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    const bool note = !row.empty() && row[0].rfind("  ", 0) == 0;
    out += note ? "<tr class=\"note\">" : "<tr>";
    for (const std::string& cell : row) out += "<td>" + html_escape(cell) + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string html_page(const PageHead& head, const std::string& body) {
  std::string facts;
  for (const auto& [name, text] : head.facts) {
    if (text.empty()) continue;
    facts += cat("<dt>", html_escape(name), "</dt><dd",
                 name == "command" ? " class=\"command\"" : "", ">", html_escape(text), "</dd>\n");
  }
  const std::string title = html_escape(head.title);
  return cat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>",
      title, "</title><style>\n", kColours, kLayout, "</style></head>\n<body>\n<h1>", title,
      "</h1>\n", facts.empty() ? "" : "<dl>\n" + facts + "</dl>\n", body, "</body></html>\n");
}

std::string date_and_time() {
  const char* epoch = std::getenv("SOURCE_DATE_EPOCH");
  const std::time_t now = epoch != nullptr ? std::atoll(epoch) : std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

}  // namespace qprompt
