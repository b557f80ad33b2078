// The lattice of a column: the only place where values become integers and integers become values.
//
// A pure function of (dtype, bound, unit, noise): never of the chunk, the model's network or the machine, so that
// encoding a decoded value always gives the same index. docs/format.md, "Lattices".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace baler {

struct DType {
    char kind;      // 'f' 'i' 'u'
    uint32_t size;  // bytes
};

struct Bound {
    uint32_t kind = 0;  // BALER_BOUND_*
    double value = 0;
};

struct LogTable;  // cells of the octaves of a log lattice, shared between columns
struct LogCells;
struct UniformRange;
struct FarCells;
struct FarTable;  // cells of a uniform float lattice where the dtype's own spacing becomes coarse

class Lattice {
  public:
    enum class Kind : uint8_t {
        ordinal,  // k is the rank of the value among all values of its dtype: exact
        uniform,  // value = k * step while |k| < linear_limit(), but for marks; beyond, cells of whole floats
        log       // value = sign * 2^e * point, N points an octave
    };
    Lattice() = default;
    // unit: the data's own lattice (every value a multiple of it), 0 for none; noise: how far values lie off it
    Lattice(DType dtype, Bound bound, double unit = 0, double noise = 0);

    DType dtype() const { return dtype_; }
    Kind kind() const { return kind_; }
    double step() const { return step_; }                   // uniform only
    int64_t linear_limit() const { return limit_; }         // uniform only
    int64_t lowest() const { return lowest_; }              // indices outside [lowest, highest] do not exist
    int64_t highest() const { return highest_; }

    // x must be finite. The result is clipped to [lowest, highest].
    int64_t index(double x) const;
    double value(int64_t k) const;  // before the cast to dtype; k is clipped
    void indices(const double* x, size_t n, int64_t* k) const;  // the same for many
    void values(const int64_t* k, size_t n, double* x) const;
    double edge(int64_t k) const;   // lower edge of the cell of k; k in [lowest, highest + 1]

    // Whole columns, native byte order, `stride` elements from row to row. quantise() marks in mask[] (0/1) what this
    // lattice cannot give back inside the bound, or not idempotently (NaN, Inf, -0, far values), and returns how many;
    // k there is left as it was.
    size_t quantise(const void* x, size_t stride, size_t n, int64_t* k, uint8_t* mask) const;
    void restore(const int64_t* k, size_t n, void* x, size_t stride) const;

  private:
    template <class T>
    int64_t index_as(double x) const;
    template <class T>
    double value_as(int64_t k) const;
    friend struct Points;  // lattice_points.h: the scalar rules for each dtype
    void set_uniform_float(double tolerance, double unit, double noise);
    void set_marks();
    UniformRange placed_range() const;    // what the kernels for columns may do
    UniformRange restored_range() const;
    UniformRange unmarked_range() const;  // the same with far values
    const FarCells* far_cells() const;    // or null
    const LogCells* log_cells() const;    // or null

    DType dtype_{'f', 4};
    Bound bound_;
    Kind kind_ = Kind::ordinal;
    double step_ = 0;
    uint64_t whole_step_ = 1;    // step of a uniform integer lattice
    // Uniform float: marks are fill values that come back exactly, whatever the middle of their cell is (k, value).
    std::shared_ptr<const std::vector<std::pair<int64_t, double>>> marks_;
    int64_t unmarked_low_ = INT64_MIN, unmarked_high_ = INT64_MAX;  // no marks strictly between these
    double near_ = 0;            // uniform float: |x| below is linear ...
    uint64_t near_bits_ = 0;     // ... the same as the float's bits ...
    int64_t limit_ = 0;          // ... and the first index beyond
    int64_t lowest_ = 0, highest_ = 0;
    std::shared_ptr<const LogTable> log_;
    std::shared_ptr<const FarTable> far_;
};

}  // namespace baler
