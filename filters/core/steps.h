// The walk through a table that encoder and decoder share: slice after slice, variable after variable, with what each
// variable's network may see. docs/format.md, sections 7.4 and 8.
#pragma once

#include <cstdint>
#include <vector>

#include "cells.h"
#include "instruction_set.h"
#include "interval.h"
#include "table_model.h"

namespace baler {

// "Rows in slices": slice t holds row l * length + t of every segment l.
struct Slices {
    size_t rows, segments, length;
    explicit Slices(size_t n);
    size_t width(size_t t) const { return length ? (rows - t + length - 1) / length : 0; }  // rows of slice t
};

class Steps {
  public:
    // latents_only: columns are not there (docs/format.md, section 9)
    Steps(const TableModel& model, const Prepared& prepared, size_t rows, bool latents_only);

    const Slices& slices() const { return slices_; }
    const RowKernels& kernels() const { return set_.rows; }
    const std::vector<uint16_t>& order() const { return order_; }
    size_t width() const { return width_; }
    const Variable& variable(uint32_t v) const { return model_.variables[v]; }
    const Cells& cells(uint32_t v) const { return prepared_.cells[v]; }

    void begin_slice(size_t t);
    // of the current slice, and of the row before each row
    int64_t* k(uint32_t v) { return now_[v]; }
    const int64_t* before(uint32_t v) const { return before_[v]; }

    // What the network says of variable v (not derived).
    const Intervals& predict(uint32_t v);
    // Index that the relation of derived variable v gives, and its context.
    void derive(uint32_t v, int64_t* index, uint8_t* context);
    // k(v) is known: what later steps see of it. bucket: of every k, clipped to the cells; null when derived
    void settle(uint32_t v, const uint32_t* bucket);

  private:
    void hint(uint32_t v);
    void settle_each(uint32_t v, const uint32_t* bucket, int16_t* z, int16_t* spike);
    int16_t* feature(uint32_t slot) { return slot == FeatureSlots::none ? nullptr : features_[slot]; }

    const TableModel& model_;
    const Prepared& prepared_;
    Slices slices_;
    std::vector<uint16_t> order_;
    size_t width_ = 0;
    const InstructionSet& set_;
    std::vector<int64_t> indices_;
    std::vector<int64_t*> now_, before_;
    std::vector<int16_t> feature_rows_;
    std::vector<int16_t*> features_;  // by slot
    std::vector<double> value_rows_;
    std::vector<double*> values_, values_before_;
    std::vector<int16_t> hidden_;
    std::vector<int32_t> outputs_, hint_;
    Intervals intervals_;
};

}  // namespace baler
