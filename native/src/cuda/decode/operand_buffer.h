// Device memory of an operand.
#pragma once

#include "cuda/decode/operand.h"
#include "cuda/runtime.h"

namespace showtell::cuda {

class OperandBuffer {
 public:
  OperandBuffer() = default;
  OperandBuffer(Precision precision, Index rows, Index columns) { reserve(precision, rows, columns); }

  /// Room for `rows` rows of `columns` numbers; contents are undefined after it grew.
  void reserve(Precision precision, Index rows, Index columns) {
    precision_ = precision;
    stride_ = padded_columns(columns);
    bytes_.reserve(rows * stride_ * number_bytes());
    rows_ = bytes_.size() / (stride_ * number_bytes());
  }

  /// The operand from that column on.
  Operand view(int first_column = 0) const {
    const Index element = precision_ == Precision::float32 ? 4 : 2;
    unsigned char* high = bytes_.data() + first_column * element;
    return {high, precision_ == Precision::exact ? high + rows_ * stride_ * element : nullptr, stride_};
  }
  int stride() const { return stride_; }
  Index bytes() const { return bytes_.size(); }

 private:
  Index number_bytes() const { return precision_ == Precision::float16 ? 2 : 4; }

  DeviceBuffer<unsigned char> bytes_;
  Precision precision_ = Precision::exact;
  Index rows_ = 0;
  int stride_ = kColumnMultiple;
};

}  // namespace showtell::cuda
