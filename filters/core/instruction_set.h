// Which kernels this process runs: the best the processor has, or what BALER_ISA says where the processor has it:
// portable (plain C++), sse2, avx2, avx512 (F, BW, VL, DQ), avx512vnni, neon, wasm. All give the same integers.
#pragma once

#include "column_kernels.h"
#include "grid_net_kernels.h"
#include "grid_rows.h"
#include "grid_strips.h"
#include "network.h"
#include "row_kernels.h"
#include "table_kernels.h"

namespace baler {

struct InstructionSet {
    const char* name;
    LayerKernel layer;
    RowKernels rows;
    ColumnKernels columns;
    GridNetKernel grid_net;
    GridRowKernels grid_rows;
    GridStripKernels grid_strips;
    TableKernels tables;
};

const InstructionSet& instruction_set();

}  // namespace baler
