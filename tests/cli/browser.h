// A real browser for tests of what a page shows: Chromium without a window.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/file.h"
#include "base/json.h"
#include "testing/process.h"
#include "testing/temp_dir.h"

namespace ebb {

class Browser {
 public:
  // Null where the machine has none.
  static std::unique_ptr<Browser> Find() {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
      if (RunShell(std::string("command -v ") + name + " >/dev/null 2>&1").exit_code == 0) {
        return std::unique_ptr<Browser>(new Browser(name));
      }
    }
    return nullptr;
  }

  // What a script finds in a page of this width: it must set `result` to something that
  // JSON.stringify takes.
  Json Ask(const std::string& html, int width, const std::string& script) const {
    // In a frame, because windows have a least width.
    dir_.Write("asked.html", html + "<script>let result;" + script +
                                 ";parent.postMessage(JSON.stringify(result),'*')</script>");
    const std::string path = dir_.Write(
        "frame.html",
        fmt::format("<pre id=answer></pre><script>onmessage=e=>document.getElementById('answer')"
                    ".textContent='@@'+e.data+'@@'</script><iframe src=asked.html "
                    "style='width:{}px;height:2000px;border:0'></iframe>",
                    width));
    const ProcessResult process =
        RunShell(Command(width + 40) + "--virtual-time-budget=5000 --dump-dom file://" + path);
    const size_t start = process.output.find(">@@");
    const size_t end = process.output.find("@@<", start + 3);
    EXPECT_NE(end, std::string::npos) << process.output.substr(0, 2000);
    if (end == std::string::npos) return {};
    std::string text = process.output.substr(start + 3, end - start - 3);
    for (const auto& [escaped, plain] :
         {std::pair<std::string, std::string>{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}}) {
      for (size_t at = text.find(escaped); at != std::string::npos;
           at = text.find(escaped, at + 1)) {
        text.replace(at, escaped.size(), plain);
      }
    }
    return ParseJson(text, "the browser").value();
  }

  // A picture of the page's first `height` pixels, as the bytes of a PNG.
  std::string Screenshot(const std::string& html, int width, int height) const {
    const std::string page = dir_.Write("shown.html", html);
    const std::string picture = dir_.Path("shown.png");
    RunShell(Command(width, height) + "--screenshot=" + picture + " file://" + page);
    return ReadTextFile(picture, uint64_t{64} << 20).value_or("");
  }

 private:
  explicit Browser(std::string name) : name_(std::move(name)) {}

  std::string Command(int width, int height = 2000) const {
    return fmt::format(
        "timeout 60 {} --headless --no-sandbox --disable-gpu --hide-scrollbars "
        "--user-data-dir={} --window-size={},{} 2>/dev/null ",
        name_, dir_.Path("profile"), width, height);
  }

  std::string name_;
  TempDir dir_;
};

}  // namespace ebb
