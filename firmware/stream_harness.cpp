// A shared library round the simulated encoder_stream: rows go in and latents come out through its AXI-Stream ports,
// with stalls on both sides. Built with -DINPUTS, -DLATENTS, -DLANES.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "Vencoder_stream.h"
#include "verilated.h"

namespace {

constexpr int kBeatsIn = (INPUTS + LANES - 1) / LANES, kBeatsOut = (LATENTS + LANES - 1) / LANES;

struct Circuit {
    VerilatedContext context;
    Vencoder_stream top{&context};
    uint64_t chance = 0;

    void cycle_low() { top.aclk = 0; top.eval(); }
    void cycle_high() { top.aclk = 1; top.eval(); }
    bool stalls(uint32_t percent) {
        chance = chance * 6364136223846793005u + 1442695040888963407u;
        return (chance >> 33) % 100 < percent;
    }
};

template <class Port>
void put(Port& port, const uint16_t* lane) {
    uint64_t v = 0;
    for (int i = 0; i < LANES; i++) v |= static_cast<uint64_t>(lane[i]) << (16 * i);
    port = static_cast<Port>(v);
}
template <size_t N>
void put(VlWide<N>& port, const uint16_t* lane) {
    for (size_t w = 0; w < N; w++)
        port[w] = lane[2 * w] | (2 * w + 1 < LANES ? static_cast<uint32_t>(lane[2 * w + 1]) << 16 : 0);
}
template <class Port>
uint16_t get(const Port& port, int lane) { return static_cast<uint16_t>(static_cast<uint64_t>(port) >> (16 * lane)); }
template <size_t N>
uint16_t get(const VlWide<N>& port, int lane) {
    return static_cast<uint16_t>(port[static_cast<size_t>(lane / 2)] >> (16 * (lane % 2)));
}

}  // namespace

extern "C" {

void* circuit_new() {
    auto* c = new Circuit;
    c->top.aresetn = 0;
    c->top.s_axis_tvalid = 0;
    c->top.m_axis_tready = 0;
    for (int i = 0; i < 8; i++) c->cycle_low(), c->cycle_high();
    c->top.aresetn = 1;
    return c;
}

void circuit_free(void* circuit) {
    auto* c = static_cast<Circuit*>(circuit);
    c->top.final();
    delete c;
}

// in: rows x INPUTS, out: rows x LATENTS. TLAST goes with every packet-th row and the last one. stall: percent of the
// cycles in which either side does not go on. Returns rows received; cycles in all, the cycle of the first beat out, and
// beats whose TLAST is wrong. A circuit that has not moved for long is given up.
int64_t circuit_run(void* circuit, const int16_t* in, int64_t rows, int16_t* out, uint32_t stall, uint64_t seed,
                    int64_t packet, int64_t* cycles, int64_t* first, int64_t* wrong_last) {
    auto* c = static_cast<Circuit*>(circuit);
    auto& top = c->top;
    c->chance = seed;
    const auto ends = [&](int64_t row) { return row + 1 == rows || (row + 1) % packet == 0; };
    int64_t row_in = 0, row_out = 0, idle = 0;
    int beat_in = 0, beat_out = 0;
    bool offered = false;
    *cycles = 0, *first = -1, *wrong_last = 0;
    while (row_out < rows && idle < 10000) {
        if (!offered && row_in < rows && !c->stalls(stall)) {
            offered = true;  // and stays so until it is taken
            uint16_t lane[LANES + 1] = {};
            for (int i = 0; i < LANES && beat_in * LANES + i < INPUTS; i++)
                lane[i] = static_cast<uint16_t>(in[row_in * INPUTS + beat_in * LANES + i]);
            put(top.s_axis_tdata, lane);
            top.s_axis_tlast = ends(row_in) && beat_in + 1 == kBeatsIn;
        }
        top.s_axis_tvalid = offered;
        top.m_axis_tready = !c->stalls(stall);
        c->cycle_low();
        const bool taken = top.s_axis_tvalid && top.s_axis_tready, given = top.m_axis_tvalid && top.m_axis_tready;
        idle++;
        if (given) {
            if (*first < 0) *first = *cycles;
            for (int i = 0; i < LANES && beat_out * LANES + i < LATENTS; i++)
                out[row_out * LATENTS + beat_out * LANES + i] = static_cast<int16_t>(get(top.m_axis_tdata, i));
            *wrong_last += (top.m_axis_tlast != 0) != (ends(row_out) && beat_out + 1 == kBeatsOut);
            if (++beat_out == kBeatsOut) beat_out = 0, row_out++;
            idle = 0;
        }
        c->cycle_high();
        ++*cycles;
        if (taken) {
            offered = false;
            if (++beat_in == kBeatsIn) beat_in = 0, row_in++;
            idle = 0;
        }
    }
    top.s_axis_tvalid = 0;
    return row_out;
}
}
