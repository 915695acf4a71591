#include "bindings/setting.h"

#include <cmath>

namespace selfplay {

namespace {

// Whole numbers as such, so that they read as they are written.
py::object number(double value) {
  if (value == std::floor(value) && std::fabs(value) < 1e15) return py::int_(static_cast<long long>(value));
  return py::float_(value);
}

// A value of the setting: a switch, a whole number, a number or the name of a choice.
py::object value_of(const Setting& setting, double value) {
  switch (setting.kind) {
    case SettingKind::kBool:
      return py::bool_(value != 0);
    case SettingKind::kInt:
      return py::int_(static_cast<long long>(value));
    case SettingKind::kFloat:
      return py::float_(value);
    case SettingKind::kChoice:
      return py::str(setting.names[static_cast<std::size_t>(value)]);
  }
  return py::none();
}

py::object value_of(const Setting& setting, std::optional<double> value) {
  return value ? value_of(setting, *value) : py::none();
}

// (least, most, whether least itself is out); None for what has no range.
py::object range_of(const Range& range) {
  if (range.least == range.most) return py::none();
  return py::make_tuple(number(range.least), number(range.most), range.is_open);
}

constexpr const char* kKinds[] = {"bool", "int", "float", "choice"};  // in the order of SettingKind

}  // namespace

void register_setting(py::module_& module) {
  py::class_<Setting>(module, "Setting")
      .def_readonly("name", &Setting::name)
      .def_property_readonly("kind",
                             [](const Setting& setting) { return kKinds[static_cast<int>(setting.kind)]; })
      .def_readonly("section", &Setting::section)
      .def_property_readonly("initial",
                             [](const Setting& setting) { return value_of(setting, setting.initial); })
      .def_property_readonly(
          "default",
          [](const Setting& setting) { return value_of(setting, setting.preset.value_or(setting.initial)); })
      .def_property_readonly("noiseless",
                             [](const Setting& setting) { return value_of(setting, setting.noiseless); })
      .def_property_readonly("allowed", [](const Setting& setting) { return range_of(setting.allowed); })
      .def_property_readonly("holds", [](const Setting& setting) { return range_of(setting.holds); })
      .def_readonly("choices", &Setting::choices)
      .def_readonly("games_only", &Setting::games_only)
      .def_readonly("in_core", &Setting::in_core)
      .def_readonly("does", &Setting::does);
}

}  // namespace selfplay
