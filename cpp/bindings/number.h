// Numbers and switches as arguments. Python's own rules would let a number lose what it says: a float32 its
// fraction where a whole number is asked for, a switch pass for 0 or 1, any number for a switch.
#pragma once

#include <pybind11/pybind11.h>

#include <limits>
#include <string_view>
#include <type_traits>

namespace selfplay {

// True and False, of NumPy too.
inline bool is_switch(const pybind11::handle& source) {
  const std::string_view type = Py_TYPE(source.ptr())->tp_name;
  return PyBool_Check(source.ptr()) || type == "numpy.bool" || type == "numpy.bool_";
}

// A whole number of Python or NumPy, as large as fits.
template <typename T>
class WholeNumberCaster {
 public:
  PYBIND11_TYPE_CASTER(T, pybind11::detail::io_name("typing.SupportsIndex", "int"));

  bool load(pybind11::handle source, bool /*convert*/) {
    if (!source || is_switch(source) || !PyIndex_Check(source.ptr())) return false;
    const auto whole = pybind11::reinterpret_steal<pybind11::object>(PyNumber_Index(source.ptr()));
    if (whole) take(whole);
    const bool fits = whole && !PyErr_Occurred();
    PyErr_Clear();
    return fits && is_in_range_;
  }

  static pybind11::handle cast(T source, pybind11::return_value_policy, pybind11::handle) {
    if constexpr (std::is_signed_v<T>) return PyLong_FromLongLong(source);
    return PyLong_FromUnsignedLongLong(source);
  }

 private:
  void take(const pybind11::handle& whole) {
    if constexpr (std::is_signed_v<T>) {
      set(PyLong_AsLongLong(whole.ptr()));
    } else {
      set(PyLong_AsUnsignedLongLong(whole.ptr()));
    }
  }

  template <typename Wide>
  void set(Wide wide) {
    is_in_range_ = wide >= Wide{std::numeric_limits<T>::min()} && wide <= Wide{std::numeric_limits<T>::max()};
    value = static_cast<T>(wide);
  }

  bool is_in_range_ = false;
};

// Whatever Python takes for a float, but no switch.
template <typename T>
class NumberCaster {
 public:
  PYBIND11_TYPE_CASTER(T, pybind11::detail::io_name("typing.SupportsFloat | typing.SupportsIndex", "float"));

  bool load(pybind11::handle source, bool /*convert*/) {
    if (!source || is_switch(source)) return false;
    value = static_cast<T>(PyFloat_AsDouble(source.ptr()));
    const bool is_number = !PyErr_Occurred();
    PyErr_Clear();
    return is_number;
  }

  static pybind11::handle cast(T source, pybind11::return_value_policy, pybind11::handle) {
    return PyFloat_FromDouble(static_cast<double>(source));
  }
};

// An argument that is True or False.
struct Switch {
  bool value = false;
  operator bool() const { return value; }  // NOLINT: it is one
};

}  // namespace selfplay

namespace pybind11::detail {

template <>
class type_caster<int> : public selfplay::WholeNumberCaster<int> {};
template <>
class type_caster<unsigned> : public selfplay::WholeNumberCaster<unsigned> {};
template <>
class type_caster<long> : public selfplay::WholeNumberCaster<long> {};
template <>
class type_caster<unsigned long> : public selfplay::WholeNumberCaster<unsigned long> {};
template <>
class type_caster<long long> : public selfplay::WholeNumberCaster<long long> {};
template <>
class type_caster<unsigned long long> : public selfplay::WholeNumberCaster<unsigned long long> {};
template <>
class type_caster<float> : public selfplay::NumberCaster<float> {};
template <>
class type_caster<double> : public selfplay::NumberCaster<double> {};

template <>
class type_caster<selfplay::Switch> {
 public:
  PYBIND11_TYPE_CASTER(selfplay::Switch, const_name("bool"));

  bool load(handle source, bool /*convert*/) {
    if (!source || !selfplay::is_switch(source)) return false;
    const int truth = PyObject_IsTrue(source.ptr());
    value.value = truth == 1;
    if (truth < 0) PyErr_Clear();
    return truth >= 0;
  }

  static handle cast(selfplay::Switch source, return_value_policy, handle) {
    return PyBool_FromLong(source.value);
  }
};

}  // namespace pybind11::detail
