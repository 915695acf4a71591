// Structs of settings, bound as their tables declare them.
#pragma once

#include <algorithm>

#include "bindings/pickling.h"
#include "core/setting.h"

namespace selfplay {

template <>
inline constexpr bool is_bound<Setting> = true;

// Sets the fields of a settings struct from keyword arguments; TypeError for an unknown one.
template <typename Params>
Params from_keywords(const py::kwargs& fields) {
  py::object params = py::cast(Params{});
  for (const auto& [key, value] : fields) {
    if (!py::hasattr(params, key)) throw py::type_error("unknown field '" + py::cast<std::string>(key) + "'");
    py::setattr(params, key, value);
  }
  return py::cast<Params>(params);
}

// A choice comes and goes by its name.
template <typename Params, typename Choice>
void bind_choice(py::class_<Params>& bound, const char* name, Choice Params::* field) {
  bound.def_property(
      name, [field](const Params& params) { return names_of(Choice{})[static_cast<int>(params.*field)]; },
      [name, field](Params& params, const std::string& value) {
        const auto names = names_of(Choice{});
        const auto found = std::find(names.begin(), names.end(), value);
        if (found == names.end()) {
          std::string known;
          for (const std::string each : names) known += (known.empty() ? "" : ", ") + each;
          throw py::value_error(std::string(name) + " '" + value + "' is none of " + known);
        }
        params.*field = static_cast<Choice>(found - names.begin());
      });
}

// Every field as a keyword argument and an attribute.
template <typename Params>
void bind_settings(py::class_<Params>& bound) {
  bound.def(py::init(&from_keywords<Params>));
  Params::for_each_setting([&](const Setting& setting, auto field) {
    using Field = decltype(field);
    if constexpr (std::is_null_pointer_v<Field>) {
      return;
    } else if constexpr (std::is_enum_v<std::remove_reference_t<decltype(std::declval<Params>().*field)>>) {
      bind_choice(bound, setting.name, field);
    } else if constexpr (std::is_same_v<Field, bool Params::*>) {
      bound.def_property(
          setting.name, [field](const Params& params) { return params.*field; },
          [field](Params& params, Switch value) { params.*field = value; });
    } else {
      bound.def_readwrite(setting.name, field);
    }
  });
  define_pickling(bound);
}

// The table as Python sees it.
template <typename Params>
std::vector<Setting> settings_of() {
  std::vector<Setting> result;
  Params::for_each_setting([&](const Setting& setting, auto) { result.push_back(setting); });
  return result;
}

}  // namespace selfplay
