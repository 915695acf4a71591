#include "bindings/interpreter.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace selfplay {

namespace py = pybind11;

namespace {

constexpr auto kMostWait = std::chrono::seconds(5);  // for rules in Python that a thread is still in
constexpr auto kPoll = std::chrono::milliseconds(1);

std::atomic<bool> is_ending{false};
std::atomic<int> stays{0};  // threads that are in Python, or wait for its lock
std::atomic<std::thread::id> ending_thread{};
thread_local int depth = 0;

void end_stays() {
  ending_thread = std::this_thread::get_id();
  is_ending = true;
  const py::gil_scoped_release release;
  const auto limit = std::chrono::steady_clock::now() + kMostWait;
  while (stays > 0 && std::chrono::steady_clock::now() < limit) std::this_thread::sleep_for(kPoll);
}

}  // namespace

void hold_threads_at_exit() {
  py::module_::import("atexit").attr("register")(py::cpp_function(&end_stays));
  pthread_atfork(nullptr, nullptr, [] { stays = depth > 0; });  // a child has the thread that forks alone
}

Stay::Stay() {
  if (depth++ > 0) return;
  ++stays;
  if (!is_ending || PyGILState_Check() || ending_thread.load() == std::this_thread::get_id()) return;
  --stays;
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

Stay::~Stay() {
  if (--depth == 0) --stays;
}

}  // namespace selfplay
