// Figures by the program gnuplot: script in, SVG out, made fit for the inside of a page.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <regex>

#include "qprompt/base.h"
#include "qprompt/report.h"

extern char** environ;

namespace qprompt {
namespace {

/// A file without a name, gone when it is closed.
class Scratch {
 public:
  Scratch() : file_(std::tmpfile()) {
    if (!file_) {
      fail(ErrorKind::kPath, "cannot make a temporary file: ", std::strerror(errno),
           "; set TMPDIR to a folder with room");
    }
  }
  void write(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), file_.get());
    std::fflush(file_.get());
    ::lseek(descriptor(), 0, SEEK_SET);
  }
  std::string read() {
    ::lseek(descriptor(), 0, SEEK_SET);
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = ::read(descriptor(), buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    return text;
  }
  int descriptor() const { return ::fileno(file_.get()); }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

/// Runs gnuplot on the script; what it prints comes back.
std::string run_gnuplot(const std::string& gnuplot, const std::string& script) {
  Scratch in, out, errors;
  in.write(script);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.descriptor(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.descriptor(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.descriptor(), STDERR_FILENO);
  // Not the user's ~/.gnuplot: the same figures for everyone.
  std::string program = gnuplot, option = "-d";
  char* arguments[] = {program.data(), option.data(), nullptr};
  pid_t child = 0;
  const int code = ::posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) {
    fail(ErrorKind::kPath, "cannot start '", gnuplot,
         "', which draws the figures: ", std::strerror(code),
         "; install gnuplot 5 (on Debian: gnuplot-nox) or name the program");
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fail(ErrorKind::kInternal, "'", gnuplot, "' did not draw a figure: ", errors.read());
  }
  return out.read();
}

/// Only the <svg> element, without the lines that name its namespace (inside HTML it is known),
/// with ids of its own, and without the groups that gnuplot leaves empty.
std::string inline_svg(const std::string& drawn, const Plot& plot) {
  const size_t begin = drawn.find("<svg"), end = drawn.rfind("</svg>");
  if (begin == std::string::npos || end == std::string::npos) {
    fail(ErrorKind::kInternal, "gnuplot drew no SVG for the figure '", plot.id, "'");
  }
  std::string svg = drawn.substr(begin, end + 6 - begin);
  const auto replace = [&svg](const char* pattern, const std::string& by) {
    svg = std::regex_replace(svg, std::regex(pattern), by);
  };
  replace(R"(\s+xmlns(:\w+)?="[^"]*")", "");
  replace(R"(<title>[^<]*</title>\s*<desc>[^<]*</desc>)", "");
  replace(R"(<g [^>]*>\s*</g>\n?)", "");
  replace(R"(\bid=(['"])([^'"]*)['"])", "id=$1" + plot.id + "-$2$1");
  replace(R"(href=(['"])#([^'"]*)['"])", "href=$1#" + plot.id + "-$2$1");
  replace(R"(url\(#([^)]*)\))", "url(#" + plot.id + "-$1)");
  svg.insert(4, " role=\"img\" aria-label=\"" + html_escape(plot.caption) + "\"");
  return svg;
}

}  // namespace

std::string draw_plot(const std::string& gnuplot, const Plot& plot) {
  const std::string script =
      cat("set encoding utf8\nset terminal svg size ", plot.width, ",", plot.height,
          " dynamic rounded font 'sans-serif,13'\n", plot.script, "\n");
  // Side by side in a row of .figures, as many as their widths allow.
  return cat("<figure id=\"", plot.id, "\" style=\"flex-basis:", plot.width * 4 / 5, "px\">") +
         inline_svg(run_gnuplot(gnuplot, script), plot) + "<figcaption>" +
         html_escape(plot.caption) + "</figcaption></figure>\n";
}

}  // namespace qprompt
