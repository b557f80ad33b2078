// Hints: formulas on decoded values that foretell a column. docs/format.md, sections 7 (records) and 7.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace baler {

constexpr size_t kHintRows = 128;  // rows that evaluate() works on at once
constexpr int kHintDepth = 32;

class HintProgram {
  public:
    enum Op : uint8_t {
        constant, column, add, sub, mul, div, sqrt, neg, abs, min, max, exp, cosh, sinh, log, sin, cos, before, op_count
    };
    struct Step {
        Op op;
        uint16_t column;
        double constant;
    };
    // The caller has checked operations and columns; false: the stack does not work out.
    bool assign(std::vector<Step> steps);
    bool empty() const { return steps_.empty(); }
    const std::vector<Step>& steps() const { return steps_; }
    // values[c], previous[c]: rows of column c and the rows before them, for the columns named;
    // of these from `first` n <= kHintRows
    void evaluate(const double* const* values, const double* const* previous, size_t first, size_t n,
                  double* out) const;

  private:
    std::vector<Step> steps_;
};

}  // namespace baler
