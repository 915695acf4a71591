#include "core/quote.h"

#include "tests/test.h"

namespace selfplay {

TEST(quoted_texts_are_short_and_printable) {
  CHECK_EQ(quoted(""), std::string("''"));
  CHECK_EQ(quoted("e2e4"), std::string("'e2e4'"));
  CHECK_EQ(quoted(std::string("a\0b\n\x7f", 5)), std::string("'a b  '"));
  CHECK_EQ(quoted(std::string(80, 'x')), "'" + std::string(80, 'x') + "'");
  CHECK_EQ(quoted(std::string(81, 'x')), "'" + std::string(80, 'x') + "…'");
  CHECK_EQ(quoted(std::string(79, 'x') + "é and more"), "'" + std::string(79, 'x') + "é…'");
}

}  // namespace selfplay
