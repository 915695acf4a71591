// How much memory a setting may ask for.
#pragma once

namespace selfplay {

// Throws InputError unless 0 <= megabytes <= what this machine has; `setting` is named in the message.
void check_memory(const char* setting, double megabytes);

}  // namespace selfplay
