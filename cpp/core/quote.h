// Texts of users in messages.
#pragma once

#include <string>

namespace selfplay {

// `text` in quotes, cut after some 80 bytes though never within a UTF-8 character; control characters are
// shown as spaces.
std::string quoted(const std::string& text);

// A number for a message: 0.5, 1e+38, 3.
std::string shown(double number);

}  // namespace selfplay
