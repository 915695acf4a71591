// What differs between rule sets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace selfplay::go {

enum class Ko : std::uint8_t {
  kSimple,       // the stone that has just captured a single one is not captured back at once
  kPositional,   // no board occurs twice
  kSituational,  // no board occurs twice with the same player to move
};

enum class Scoring : std::uint8_t {
  kArea,       // stones and the empty regions that touch one color only, as the board stands (Tromp-Taylor)
  kTerritory,  // such regions and prisoners, after dead stones have been taken off by agreement
};

// What White gets for a handicap of N stones.
enum class HandicapBonus : std::uint8_t { kNone, kStones, kStonesLessOne };

struct Rules {
  Ko ko = Ko::kPositional;
  bool suicide = true;
  Scoring scoring = Scoring::kArea;
  HandicapBonus handicap_bonus = HandicapBonus::kNone;
  int komi = 15;  // in half points

  // Whether the result rests on an agreement about dead stones. Such rules can score finished games;
  // self-play, where nobody agrees, is not for them.
  bool needs_agreement() const { return scoring == Scoring::kTerritory; }
  bool operator==(const Rules&) const = default;
};

// The text functions throw InputError that quotes the text and lists what is known.

// "tromp-taylor", "chinese", "chinese-ogs", "chinese-kgs", "aga", "new-zealand", "japanese", each with its
// usual komi.
Rules parse_rules(const std::string& name);
std::vector<std::string> rules_names();
// "simple", "positional", "situational".
Ko parse_ko(const std::string& name);
// "area", "territory".
Scoring parse_scoring(const std::string& name);
// "none", "stones", "stones-1".
HandicapBonus parse_handicap_bonus(const std::string& name);
// Points to half points; throws unless a multiple of one half from -625 to 625.
int komi_from_points(double points);

// The options that lead from tromp-taylor to these rules, as in ",rules=aga,komi=7"; empty for none.
std::string rules_options(const Rules& rules);
// Half points as a number of points: "7.5", "-2".
std::string points_text(int half_points);

}  // namespace selfplay::go
