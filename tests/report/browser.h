// A page as a browser lays it out.
#pragma once

#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "support/run.h"

namespace qprompt::testing_support {

struct Screen {
  int width = 1200;
  bool dark = false;
};

// Runs in the page: boxes of figures and texts, and how far letters and lines stand out from the
// ground (WCAG 2.2, contrast ratio).
inline constexpr const char* kProbe = R"(<script>
addEventListener('load', () => {
  const texts = svg => [...svg.querySelectorAll('text')].filter(t => t.textContent.trim());
  const small = r => ({l: r.left, r: r.right, t: r.top + .3 * r.height, b: r.bottom - .3 * r.height});
  const meet = (a, b) => Math.min(a.r, b.r) - Math.max(a.l, b.l) > -3 &&
                         Math.min(a.b, b.b) - Math.max(a.t, b.t) > 1;
  const report = {figures: [], overlaps: [], outside: [], faint: [], inner: innerWidth,
    wide: document.documentElement.scrollWidth > innerWidth};
  for (const svg of document.querySelectorAll('figure svg')) {
    const id = svg.parentNode.id, box = svg.getBoundingClientRect(), found = texts(svg);
    const boxes = found.map(t => small(t.getBoundingClientRect()));
    report.figures.push({id, width: box.width, height: box.height, texts: found.length});
    boxes.forEach((a, i) => {
      if (a.l < box.left - 1 || a.r > box.right + 1 || a.b > box.bottom || a.t < box.top)
        report.outside.push(id + ': ' + found[i].textContent);
      for (let j = 0; j < i; ++j)
        if (meet(a, boxes[j]))
          report.overlaps.push(id + ': ' + found[i].textContent + ' | ' + found[j].textContent);
    });
  }
  const parts = c => (c.match(/[\d.]+/g) || [0, 0, 0]).map(Number);
  const light = c => parts(c).slice(0, 3).map(v => v / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = light(getComputedStyle(document.body).backgroundColor);
  const ratio = c => { const l = light(c); return (Math.max(l, ground) + .05) / (Math.min(l, ground) + .05); };
  report.ground = ground;
  const check = (element, colour) => {
    if (ratio(colour) < 4.5) report.faint.push(element.tagName + ' ' + element.className.baseVal + ' ' +
      element.textContent.slice(0, 40) + ': ' + colour);
  };
  for (const e of document.querySelectorAll('h1,h2,h3,p,dt,dd,td,th,caption,figcaption,a,summary'))
    check(e, getComputedStyle(e).color);
  for (const e of document.querySelectorAll('svg text')) check(e, getComputedStyle(e).fill);
  for (const e of document.querySelectorAll('svg .line')) check(e, getComputedStyle(e).stroke);
  for (const e of document.querySelectorAll('svg .dot')) check(e, getComputedStyle(e).fill);
  parent.postMessage(JSON.stringify(report), '*');
});
</script>)";

/// Where Debian and others put Chromium; empty: nowhere.
inline std::string find_browser() {
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    if (run_shell(std::string("command -v ") + name).code == 0) return name;
  }
  return "";
}

/// What the probe found on a screen: a frame of that width, since a window has a least one. Null,
/// with the browser's words in `why`, where it does not run.
inline nlohmann::json seen_in_browser(const std::string& page, const Screen& screen,
                                      std::string& why) {
  const TempFolder folder;
  write_all(folder / "page.html", page + kProbe);
  write_all(folder / "frame.html",
            "<body style='margin:0'><iframe src='page.html' style='border:0;width:" +
                std::to_string(screen.width) +
                "px;height:900px'></iframe><script>addEventListener('message', e => {const out = "
                "document.createElement('pre'); out.textContent = 'REPORT' + e.data + 'END'; "
                "document.body.append(out);})</script></body>");
  // A profile of its own, and no network.
  const RunResult r = run_shell(
      "timeout 200 " + find_browser() +
      " --headless --no-sandbox --disable-gpu --user-data-dir=" + quote(folder / "profile") +
      " --host-resolver-rules='MAP * ~NOTFOUND' --window-size=1300,1000" +
      (screen.dark ? " --blink-settings=preferredColorScheme=0" : "") +
      " --virtual-time-budget=10000 --dump-dom " + quote("file://" + (folder / "frame.html")));
  const size_t begin = r.out.rfind("REPORT{"), end = r.out.rfind("END</pre>");
  if (begin == std::string::npos || end == std::string::npos) {
    why = r.err.substr(0, 500);
    return nullptr;
  }
  std::string json = r.out.substr(begin + 6, end - begin - 6);
  for (const auto& [from, to] : {std::pair{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}}) {
    json = std::regex_replace(json, std::regex(from), to);
  }
  return nlohmann::json::parse(json);
}

}  // namespace qprompt::testing_support
