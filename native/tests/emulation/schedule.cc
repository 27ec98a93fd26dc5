#include "emulation/schedule.h"

#include <cstdlib>
#include <sstream>

#include "emulation/place.h"

namespace cuda_emulation {

namespace {

std::size_t number_after(const std::string& word, const char* name) {
  const std::string digits = word.substr(std::strlen(name));
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos)
    fail("expected %s and a number in the schedule but received %s", name, word.c_str());
  return std::strtoull(digits.c_str(), nullptr, 10);
}

void apply(Schedule& schedule, const std::string& word) {
  const auto starts = [&](const char* name) { return word.rfind(name, 0) == 0; };
  if (word == "forward")
    schedule.order = Schedule::Order::forward;
  else if (word == "backward")
    schedule.order = Schedule::Order::backward;
  else if (word == "random")
    schedule.order = Schedule::Order::random;
  else if (word == "early")
    schedule.landing = Schedule::Landing::early;
  else if (word == "late")
    schedule.landing = Schedule::Landing::late;
  else if (word == "mixed")
    schedule.landing = Schedule::Landing::mixed;
  else if (word == "lazy")
    schedule.lazy_streams = true;
  else if (word == "eager")
    schedule.lazy_streams = false;
  else if (word == "guard")
    schedule.guard_device_memory = true;
  else if (word == "noguard")
    schedule.guard_device_memory = false;
  else if (starts("blocks="))
    schedule.resident_blocks = static_cast<int>(number_after(word, "blocks="));
  else if (starts("shared="))
    schedule.shared_limit = number_after(word, "shared=") << 10;
  else if (starts("memory="))
    schedule.memory_limit = number_after(word, "memory=") << 20;
  else if (starts("capability="))
    schedule.capability = static_cast<int>(number_after(word, "capability="));
  else if (starts("seed="))
    schedule.seed = number_after(word, "seed=");
  else
    fail("expected a word of schedule.h in the schedule but received %s", word.c_str());
}

Schedule parse(const std::string& words) {
  Schedule schedule;
  std::istringstream stream(words);
  for (std::string word; stream >> word;) apply(schedule, word);
  if (schedule.resident_blocks < 1) fail("expected at least one resident block in the schedule");
  return schedule;
}

Schedule& current_schedule() {
  static Schedule schedule = [] {
    const char* words = std::getenv("CUDA_EMULATION");
    return parse(words == nullptr ? "" : words);
  }();
  return schedule;
}

}  // namespace

const Schedule& schedule() { return current_schedule(); }
void use_schedule(const std::string& words) { current_schedule() = parse(words); }

std::uint64_t random_bits() {  // splitmix64
  std::uint64_t z = current_schedule().seed += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

bool lands_now() {
  switch (schedule().landing) {
    case Schedule::Landing::early:
      return true;
    case Schedule::Landing::late:
      return false;
    case Schedule::Landing::mixed:
      break;
  }
  return (random_bits() & 1) != 0;
}

}  // namespace cuda_emulation
