#include "games/go/notation.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <sstream>

#include "core/quote.h"

namespace selfplay::go {

namespace {

constexpr char kColumns[] = "ABCDEFGHJKLMNOPQRSTUVWXYZ";

std::string lower(std::string text) {
  for (char& letter : text) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return text;
}

std::string board_text(const Geometry& geometry) {
  return std::to_string(geometry.columns) + "x" + std::to_string(geometry.rows) + " board";
}

// A number of one or two digits without leading zeros; -1 for anything else.
int small_number(const std::string& text) {
  if (text.empty() || text.size() > 2 || text[0] == '0') return -1;
  int number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return -1;
    number = number * 10 + (digit - '0');
  }
  return number;
}

// Points between commas.
Bits parse_points(const Geometry& geometry, const std::string& text, const Bits& taken) {
  Bits points;
  std::size_t from = 0;
  while (true) {
    const std::size_t comma = text.find(',', from);
    const std::string item = text.substr(from, comma == std::string::npos ? comma : comma - from);
    const Action point = parse_point(geometry, item);
    if (point == geometry.points) throw InputError(quoted(item) + " is not a point");
    if (points.test(point) || taken.test(point)) {
      throw InputError(quoted(item) + " has a stone already");
    }
    points.set(point);
    if (comma == std::string::npos) return points;
    from = comma + 1;
  }
}

std::string points_list(const Geometry& geometry, const Bits& points) {
  std::string text;
  points.for_each([&](int point) {
    if (!text.empty()) text += ',';
    text += point_text(geometry, point);
  });
  return text;
}

std::vector<int> parse_handicap(const Geometry& geometry, const std::string& text) {
  const int number = small_number(text);
  if (number >= 0) return fixed_handicap(geometry, number);
  std::vector<int> points;
  parse_points(geometry, text, Bits{}).for_each([&](int point) { points.push_back(point); });
  return points;
}

Start parse_fields(const Geometry& geometry, const std::string& text) {
  Start start;
  std::vector<std::string> seen;
  std::istringstream fields(text);
  for (std::string field; fields >> field;) {
    const std::size_t colon = field.find(':');
    const std::string name = lower(field.substr(0, colon));
    const std::string value = colon == std::string::npos ? "" : field.substr(colon + 1);
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      throw InputError("there are two fields " + quoted(name));
    }
    seen.push_back(name);
    if (name == "b" || name == "w") {
      const Color color = name == "b" ? kBlack : kWhite;
      start.stones[color] = parse_points(geometry, value, start.stones[opposite(color)]);
    } else if (name == "turn" && (lower(value) == "b" || lower(value) == "w")) {
      start.to_move = lower(value) == "b" ? kBlack : kWhite;
    } else if (name == "handicap") {
      start = handicap_start(geometry, parse_handicap(geometry, value));
    } else {
      throw InputError("field " + quoted(field) + " is none of handicap:, B:, W:, turn:B and turn:W");
    }
  }
  if (start.is_handicap && seen.size() > 1) throw InputError("a handicap goes with no other field");
  if (seen.empty()) throw InputError("there is no field before ';'");
  return start;
}

}  // namespace

std::string point_text(const Geometry& geometry, Action action) {
  if (action == geometry.points) return "pass";
  return kColumns[action % geometry.columns] + std::to_string(geometry.rows - action / geometry.columns);
}

Action parse_point(const Geometry& geometry, const std::string& text) {
  if (lower(text) == "pass") return geometry.points;
  const char letter =
      text.empty() ? '\0' : static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  const char* found = letter == '\0' ? nullptr : std::strchr(kColumns, letter);
  const int row = found ? small_number(text.substr(1)) : -1;
  if (row < 0)
    throw InputError(quoted(text) + " is neither a point like C3 (no column is called I) nor pass");
  const int column = static_cast<int>(found - kColumns);
  if (column >= geometry.columns || row > geometry.rows) {
    throw InputError(quoted(text) + " is off the " + board_text(geometry));
  }
  return (geometry.rows - row) * geometry.columns + column;
}

std::vector<int> fixed_handicap(const Geometry& geometry, int stones) {
  const int columns = geometry.columns, rows = geometry.rows, shortest = std::min(columns, rows);
  const bool has_middle = columns % 2 == 1 && rows % 2 == 1 && shortest >= 9;
  const int most = shortest < 7 ? 0 : has_middle ? 9 : 4;
  if (stones < 2 || stones > most) {
    const std::string known =
        most == 0 ? "there are no fixed points, name them" : "give 2 to " + std::to_string(most);
    throw InputError("handicap of " + std::to_string(stones) + " on a " + board_text(geometry) + ": " +
                     known);
  }
  const int left = columns < 13 ? 2 : 3, right = columns - 1 - left, middle = columns / 2;
  const int top = rows < 13 ? 2 : 3, bottom = rows - 1 - top, centre = rows / 2;
  const int places[8][2] = {{left, bottom}, {right, top},    {left, top},      {right, bottom},
                            {left, centre}, {right, centre}, {middle, bottom}, {middle, top}};
  const bool takes_centre = stones >= 5 && stones % 2 == 1;
  std::vector<int> points;
  for (int i = 0; i < stones - takes_centre; ++i) points.push_back(places[i][1] * columns + places[i][0]);
  if (takes_centre) points.push_back(centre * columns + middle);
  return points;
}

Start handicap_start(const Geometry& geometry, const std::vector<int>& points) {
  Start start;
  for (const int point : points) {
    if (point < 0 || point >= geometry.points) {
      throw InputError("handicap stone at point " + std::to_string(point) + ", which is off the board");
    }
    if (start.stones[kBlack].test(point)) {
      throw InputError("two handicap stones at " + quoted(point_text(geometry, point)));
    }
    start.stones[kBlack].set(point);
  }
  if (points.size() < 2) {
    throw InputError("handicap of " + std::to_string(points.size()) + " stones: give two or more");
  }
  start.to_move = kWhite;
  start.is_handicap = true;
  return start;
}

Start parse_start(const Geometry& geometry, const std::string& text) {
  try {
    return parse_fields(geometry, text);
  } catch (const InputError& error) {
    throw InputError("start " + quoted(text) + ": " + error.what());
  }
}

std::string start_text(const Geometry& geometry, const Start& start) {
  if (start.is_handicap) return "handicap:" + points_list(geometry, start.stones[kBlack]) + ";";
  std::string text;
  for (const Color color : {kBlack, kWhite}) {
    if (!start.stones[color].any()) continue;
    text += (color == kBlack ? "B:" : "W:") + points_list(geometry, start.stones[color]) + " ";
  }
  if (start.to_move == kWhite) return text + "turn:W;";
  if (text.empty()) return "turn:B;";
  text.back() = ';';
  return text;
}

}  // namespace selfplay::go
