#include "games/go/rules.h"

#include <cmath>
#include <cstdlib>
#include <utility>

#include "core/game.h"
#include "core/quote.h"
#include "games/go/board/bits.h"

namespace selfplay::go {

namespace {

template <typename T>
struct Named {
  const char* name;
  T value;
};

constexpr Named<Rules> kRules[] = {
    {"tromp-taylor", {Ko::kPositional, true, Scoring::kArea, HandicapBonus::kNone, 15}},
    {"chinese", {Ko::kSimple, false, Scoring::kArea, HandicapBonus::kStones, 15}},
    {"chinese-ogs", {Ko::kPositional, false, Scoring::kArea, HandicapBonus::kStones, 15}},
    {"chinese-kgs", {Ko::kPositional, false, Scoring::kArea, HandicapBonus::kStones, 15}},
    {"aga", {Ko::kSituational, false, Scoring::kArea, HandicapBonus::kStonesLessOne, 15}},
    {"new-zealand", {Ko::kSituational, true, Scoring::kArea, HandicapBonus::kNone, 15}},
    {"japanese", {Ko::kSimple, false, Scoring::kTerritory, HandicapBonus::kNone, 13}},
};

constexpr Named<Ko> kKos[] = {
    {"simple", Ko::kSimple}, {"positional", Ko::kPositional}, {"situational", Ko::kSituational}};
constexpr Named<Scoring> kScorings[] = {{"area", Scoring::kArea}, {"territory", Scoring::kTerritory}};
constexpr Named<HandicapBonus> kBonuses[] = {{"none", HandicapBonus::kNone},
                                             {"stones", HandicapBonus::kStones},
                                             {"stones-1", HandicapBonus::kStonesLessOne}};

template <typename T, std::size_t N>
T parse(const Named<T> (&table)[N], const std::string& what, const std::string& name) {
  std::string known;
  for (const Named<T>& entry : table) {
    if (name == entry.name) return entry.value;
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw InputError("unknown " + what + " " + quoted(name) + "; known: " + known);
}

template <typename T, std::size_t N>
std::string name_of(const Named<T> (&table)[N], const T& value) {
  for (const Named<T>& entry : table) {
    if (value == entry.value) return entry.name;
  }
  return "";
}

}  // namespace

Rules parse_rules(const std::string& name) { return parse(kRules, "rules", name); }
Ko parse_ko(const std::string& name) { return parse(kKos, "ko rule", name); }
Scoring parse_scoring(const std::string& name) { return parse(kScorings, "scoring", name); }
HandicapBonus parse_handicap_bonus(const std::string& name) {
  return parse(kBonuses, "handicap bonus", name);
}

std::vector<std::string> rules_names() {
  std::vector<std::string> names;
  for (const Named<Rules>& entry : kRules) names.push_back(entry.name);
  return names;
}

int komi_from_points(double points) {
  if (!(std::abs(points) <= kMaxPoints) || points * 2 != std::floor(points * 2)) {
    throw InputError("komi " + std::to_string(points) + ": give a multiple of 0.5 from -625 to 625");
  }
  return static_cast<int>(points * 2);
}

std::string rules_options(const Rules& rules) {
  for (const Named<Rules>& entry : kRules) {
    Rules same = rules;
    same.komi = entry.value.komi;
    if (!(same == entry.value)) continue;
    std::string text = entry.value == kRules[0].value ? "" : ",rules=" + std::string(entry.name);
    if (rules.komi != entry.value.komi) text += ",komi=" + points_text(rules.komi);
    return text;
  }
  const Rules& usual = kRules[0].value;
  std::string text;
  if (rules.ko != usual.ko) text += ",ko=" + name_of(kKos, rules.ko);
  if (rules.suicide != usual.suicide) text += ",suicide=false";
  if (rules.scoring != usual.scoring) text += ",scoring=" + name_of(kScorings, rules.scoring);
  if (rules.handicap_bonus != usual.handicap_bonus) {
    text += ",handicap_bonus=" + name_of(kBonuses, rules.handicap_bonus);
  }
  if (rules.komi != usual.komi) text += ",komi=" + points_text(rules.komi);
  return text;
}

std::string points_text(int half_points) {
  const std::string sign = half_points < 0 ? "-" : "";
  const int size = std::abs(half_points);
  return sign + std::to_string(size / 2) + (size % 2 ? ".5" : "");
}

}  // namespace selfplay::go
