// Objects that one call at a time may use: a second one, of another thread or of the rules of a game that the
// first one walks through, is refused where it would else find half of a change.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "core/game.h"

namespace selfplay {

class Exclusive {
 public:
  // `what` is the object's name in messages.
  explicit Exclusive(const char* what) : what_(what) {}
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

  // One call's use of the object, for as long as this lives; InputError while there is another.
  class Use {
   public:
    explicit Use(Exclusive& object) : object_(object) {
      if (object.in_use_.exchange(true, std::memory_order_acquire)) {
        throw InputError(std::string(object.what_) +
                         " in use by a call that has not returned; give every thread its own, and leave it "
                         "alone in the rules of the game that it plays");
      }
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { object_.in_use_.store(false, std::memory_order_release); }

   private:
    Exclusive& object_;
  };

 private:
  const char* what_;
  std::atomic<bool> in_use_{false};
};

}  // namespace selfplay
