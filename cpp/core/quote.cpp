#include "core/quote.h"

#include <algorithm>
#include <cstdio>

namespace selfplay {

namespace {

constexpr std::size_t kShownBytes = 80;

}  // namespace

std::string quoted(const std::string& text) {
  std::size_t end = std::min(text.size(), kShownBytes);
  while (end < text.size() && (text[end] & 0xc0) == 0x80) ++end;  // not half a character
  std::string start = text.substr(0, end);
  for (char& character : start) {
    if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) character = ' ';
  }
  return "'" + start + (end < text.size() ? "…'" : "'");
}

std::string shown(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", number);
  return text;
}

}  // namespace selfplay
