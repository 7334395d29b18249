#include "dataset/impl/mat_file.h"

#include <matio.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "dataset/impl/mat_check.h"
#include "dataset/impl/readers.h"

namespace qprompt::dataset {
namespace {

struct CloseFile {
  void operator()(mat_t* file) const { Mat_Close(file); }
};
struct FreeVariable {
  void operator()(matvar_t* variable) const { Mat_VarFree(variable); }
};

/// One variable of a file; what stands in it is checked before it is read.
class Variable {
 public:
  Variable(const std::string& file, const std::string& name) : file_(file), name_(name) {
    check_mat_file(file);
    Mat_LogInitFunc("qprompt", [](int, char*) {});  // faults come back as null pointers, too
    opened_.reset(Mat_Open(file.c_str(), MAT_ACC_RDONLY));
    if (opened_ == nullptr) refuse("matio cannot read it; get the file again");
    variable_.reset(Mat_VarRead(opened_.get(), name.c_str()));
    if (variable_ == nullptr) refuse("it has no variable of this name that can be read");
  }

  matvar_t* get() const { return variable_.get(); }

  size_t elements(const matvar_t* array) const {
    size_t count = 1;
    for (int i = 0; i < array->rank; ++i) {
      const size_t length = array->dims[i];
      if (length != 0 && count > size_t{kMaxItems} / length) refuse("it has too many elements");
      count *= length;
    }
    return count;
  }

  /// All values of a real numeric array, as whole numbers from 1 up.
  std::vector<int64_t> numbers(const matvar_t* array, const std::string& where) const {
    if (array == nullptr || array->isComplex != 0) refuse(where, " is no array of real numbers");
    const size_t n = elements(array);
    std::vector<int64_t> out;
    for (size_t i = 0; i < n; ++i) {
      const double value = number(array, i, where);
      if (!(value >= 1 && value <= kMaxItems) || value != std::floor(value)) {
        refuse(where, "[", i, "] is ", value, "; a whole number from 1 up was expected");
      }
      out.push_back(static_cast<int64_t>(value));
    }
    return out;
  }

  /// A row of characters.
  std::string text(const matvar_t* array, const std::string& where) const {
    if (array == nullptr || array->class_type != MAT_C_CHAR || array->data == nullptr) {
      refuse(where, " is no text");
    }
    const size_t n = elements(array);
    const auto width = static_cast<size_t>(std::max(array->data_size, 0));
    if ((width != 1 && width != 2) || n * width > array->nbytes) refuse(where, " is no plain text");
    std::string out;
    for (size_t i = 0; i < n; ++i) {
      uint16_t c = 0;
      std::memcpy(&c, static_cast<const char*>(array->data) + i * width, width);
      if (c == 0 || c > 0x7f) refuse(where, " holds the character ", c, "; ASCII was expected");
      out += static_cast<char>(c);
    }
    return out;
  }

  template <class... What>
  [[noreturn]] void refuse(const What&... what) const {
    fail(ErrorKind::kContent, "'", file_, "', variable '", name_, "': ", what...);
  }

 private:
  template <class T>
  static double element(const matvar_t* array, size_t i) {
    T value;
    std::memcpy(&value, static_cast<const char*>(array->data) + i * sizeof value, sizeof value);
    return static_cast<double>(value);
  }

  double number(const matvar_t* array, size_t i, const std::string& where) const {
    static constexpr struct {
      matio_classes type;
      double (*read)(const matvar_t*, size_t);
      size_t size;
    } kTypes[] = {{MAT_C_DOUBLE, element<double>, 8},   {MAT_C_SINGLE, element<float>, 4},
                  {MAT_C_UINT8, element<uint8_t>, 1},   {MAT_C_INT8, element<int8_t>, 1},
                  {MAT_C_UINT16, element<uint16_t>, 2}, {MAT_C_INT16, element<int16_t>, 2},
                  {MAT_C_UINT32, element<uint32_t>, 4}, {MAT_C_INT32, element<int32_t>, 4}};
    for (const auto& type : kTypes) {
      if (array->class_type != type.type) continue;
      if (array->data == nullptr || (i + 1) * type.size > array->nbytes) break;
      return type.read(array, i);
    }
    refuse(where, " is no array of real numbers");
  }

  std::string file_, name_;
  std::unique_ptr<mat_t, CloseFile> opened_;
  std::unique_ptr<matvar_t, FreeVariable> variable_;
};

}  // namespace

std::vector<int64_t> read_mat_numbers(const std::string& file, const std::string& variable) {
  const Variable read(file, variable);
  return read.numbers(read.get(), "it");
}

std::vector<std::string> read_mat_texts(const std::string& file, const std::string& variable) {
  const Variable read(file, variable);
  if (read.get()->class_type != MAT_C_CELL || read.get()->data == nullptr) {
    read.refuse("a cell array of texts was expected");
  }
  std::vector<std::string> texts;
  const size_t n = read.elements(read.get());
  for (size_t i = 0; i < n; ++i) {
    texts.push_back(
        read.text(Mat_VarGetCell(read.get(), static_cast<int>(i)), cat("cell ", i + 1)));
  }
  return texts;
}

std::vector<MatAnnotation> read_mat_annotations(const std::string& file,
                                                const std::string& variable) {
  const Variable read(file, variable);
  matvar_t* array = read.get();
  if (array->class_type != MAT_C_STRUCT || array->data == nullptr) {
    read.refuse("a struct array with the fields fname and class was expected");
  }
  std::vector<MatAnnotation> out;
  const size_t n = read.elements(array);
  for (size_t i = 0; i < n; ++i) {
    const std::string at = cat("element ", i + 1, ", field ");
    const auto label = read.numbers(Mat_VarGetStructFieldByName(array, "class", i), at + "class");
    if (label.size() != 1) read.refuse(at, "class has ", label.size(), " values, expected one");
    out.push_back(
        {read.text(Mat_VarGetStructFieldByName(array, "fname", i), at + "fname"), label[0]});
  }
  return out;
}

}  // namespace qprompt::dataset
