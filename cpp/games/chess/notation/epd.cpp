#include "games/chess/notation/epd.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <vector>

#include "core/game.h"
#include "core/quote.h"

namespace selfplay::chess {

namespace {

constexpr const char* kKnown[] = {
    "acd",        "acn",        "acs",         "am",   "bm",   "ce",   "dm",  "draw_accept", "eco",
    "draw_claim", "draw_offer", "draw_reject", "fmvn", "hmvc", "id",   "nic", "noop",        "pm",
    "pv",         "rc",         "resign",      "sm",   "tcgs", "tcri", "tcsi"};

bool is_space(char character) { return std::isspace(static_cast<unsigned char>(character)) != 0; }
bool is_letter(char character) { return std::isalpha(static_cast<unsigned char>(character)) != 0; }
bool is_digit(char character) { return character >= '0' && character <= '9'; }

bool is_number(const std::string& word) {
  return !word.empty() && word.size() <= 5 && std::all_of(word.begin(), word.end(), is_digit);
}

bool is_opcode(const std::string& word) {
  const auto fits = [](char character) {
    return is_letter(character) || is_digit(character) || character == '_';
  };
  return !word.empty() && is_letter(word[0]) && std::all_of(word.begin(), word.end(), fits);
}

// As e4, e2e4 and Nf3 do, and c4, which is an operation where a text in quotes follows.
bool ends_with_square(const std::string& word) {
  const std::size_t size = word.size();
  return size >= 2 && word[size - 2] >= 'a' && word[size - 2] <= 'h' && is_digit(word[size - 1]);
}

struct Operation {
  std::string opcode;
  std::vector<std::string> operands;
  bool is_quoted = false;  // its first operand
};

// Reads the fields of a FEN, as many as are there, and then the operations.
class EpdReader {
 public:
  explicit EpdReader(const std::string& text) : text_(text) {}

  std::optional<std::string> read() {
    for (int i = 0; i < 4; ++i) fields_.push_back(word());
    if (fields_[0].find('/') == std::string::npos || fields_[3].empty()) return std::nullopt;
    std::size_t start = skip_space();
    for (std::string next = word(); fields_.size() < 6 && is_number(next); next = word()) {
      fields_.push_back(next);
      start = skip_space();
    }
    at_ = start;
    if (!has_operations()) return std::nullopt;
    while (skip_space() < text_.size()) {
      if (text_[at_] == ';') {
        ++at_;
      } else {
        use(operation());
      }
    }
    return fen();
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& reason) const {
    throw InputError("EPD " + quoted(text_) + ": " + what + " " + reason);
  }

  std::size_t skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_;
  }

  std::string word() {
    const std::size_t start = skip_space();
    while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != ';') ++at_;
    return text_.substr(start, at_ - start);
  }

  // A list of moves has no semicolon and no quote; without one, only an opcode of the standard makes it an
  // EPD. Some put the semicolon before an operation: `;D1 20 ;D2 400`.
  bool has_operations() {
    const std::size_t start = at_;
    if (at_ < text_.size() && text_[at_] == ';') return true;
    const std::string first = word();
    at_ = start;
    if (!is_opcode(first) || first == "moves") return false;
    const bool known = std::find(std::begin(kKnown), std::end(kKnown), first) != std::end(kKnown);
    return known || text_.find_first_of(";\"", at_) != std::string::npos;
  }

  Operation operation() {
    Operation operation;
    operation.opcode = word();
    if (!is_opcode(operation.opcode)) {
      const std::string& shown = operation.opcode;
      fail("operation " + quoted(shown.empty() ? text_.substr(at_) : shown), "has no name");
    }
    while (skip_space() < text_.size() && text_[at_] != ';') {
      const bool quotes = text_[at_] == '"';
      if (operation.operands.empty()) operation.is_quoted = quotes;
      operation.operands.push_back(quotes ? string_operand() : word());
    }
    if (at_ < text_.size()) ++at_;
    return operation;
  }

  // What stands in quotes; a backslash takes the next character as it is.
  std::string string_operand() {
    const std::size_t start = at_++;
    std::string operand;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        ++at_;
        return operand;
      }
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      operand += text_[at_];
    }
    fail("string " + quoted(text_.substr(start)), "has no end");
  }

  void use(const Operation& operation) {
    const std::string& opcode = operation.opcode;
    if (!operation.is_quoted && ends_with_square(opcode)) {
      fail(quoted(opcode), "is a move and no operation; write moves after a FEN");
    }
    if (opcode == "hmvc") set(clock_, operation);
    if (opcode == "fmvn") set(move_number_, operation);
    if (opcode != "rc") return;
    std::string occurrences;
    set(occurrences, operation);
    if (std::stoi(occurrences) > 1) fail("rc " + occurrences, "asks for earlier occurrences; give the moves");
  }

  void set(std::string& value, const Operation& operation) {
    std::string shown = operation.opcode;
    for (const std::string& operand : operation.operands) shown += " " + operand;
    if (operation.operands.size() != 1 || !is_number(operation.operands[0]))
      fail(quoted(shown), "is not one number");
    if (!value.empty()) fail(quoted(shown), "is given twice");
    value = operation.operands[0];
  }

  std::string fen() const {
    std::string fen = fields_[0];
    for (int i = 1; i < 4; ++i) fen += " " + fields_[static_cast<std::size_t>(i)];
    return fen + " " + number(4, "hmvc", clock_, "0") + " " + number(5, "fmvn", move_number_, "1");
  }

  // Of a field or of an operation.
  std::string number(std::size_t field, const char* opcode, const std::string& value,
                     const char* usual) const {
    if (field >= fields_.size()) return value.empty() ? usual : value;
    if (!value.empty() && std::stoi(value) != std::stoi(fields_[field])) {
      fail(std::string(opcode) + " " + value, "and the field " + fields_[field] + " differ");
    }
    return fields_[field];
  }

  const std::string& text_;
  std::size_t at_ = 0;
  std::vector<std::string> fields_;
  std::string clock_, move_number_;
};

}  // namespace

std::optional<std::string> fen_of_epd(const std::string& text) { return EpdReader(text).read(); }

}  // namespace selfplay::chess
