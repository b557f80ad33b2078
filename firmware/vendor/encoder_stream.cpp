// The AXI-Stream round an hls4ml encoder, as that of the Verilog circuit: 16-bit lanes, a row begins with a new beat.
// INPUTS, LATENTS and LANES come from the command line.
#include "encoder.h"
#include <ap_axi_sdata.h>
#include <hls_stream.h>

typedef ap_axiu<16 * LANES, 0, 0, 0> beat_t;

static const int BEATS_IN = (INPUTS + LANES - 1) / LANES;
static const int BEATS_OUT = (LATENTS + LANES - 1) / LANES;
static const int BEATS = BEATS_IN > BEATS_OUT ? BEATS_IN : BEATS_OUT;

template <class In, class Out> void row(void (*)(In *, Out *), hls::stream<beat_t> &from, hls::stream<beat_t> &to) {
#pragma HLS INLINE
    In x[INPUTS];
    Out y[LATENTS];
#pragma HLS ARRAY_PARTITION variable=x complete
#pragma HLS ARRAY_PARTITION variable=y complete
    bool last = false;
    for (int b = 0; b < BEATS_IN; ++b) {
#pragma HLS UNROLL
        const beat_t beat = from.read();
        last = beat.last;
        for (int i = 0; i < LANES; ++i) {
#pragma HLS UNROLL
            if (b * LANES + i < INPUTS) x[b * LANES + i] = ap_int<16>(beat.data.range(16 * i + 15, 16 * i));
        }
    }
    encoder(x, y);
    for (int b = 0; b < BEATS_OUT; ++b) {
#pragma HLS UNROLL
        beat_t beat;
        beat.data = 0;
        for (int i = 0; i < LANES; ++i) {
#pragma HLS UNROLL
            if (b * LANES + i < LATENTS) beat.data.range(16 * i + 15, 16 * i) = ap_int<16>(y[b * LANES + i].to_int());
        }
        beat.keep = -1;
        beat.strb = -1;
        beat.last = last && b == BEATS_OUT - 1;
        to.write(beat);
    }
}

void encoder_stream(hls::stream<beat_t> &s_axis, hls::stream<beat_t> &m_axis) {
#pragma HLS INTERFACE axis port=s_axis
#pragma HLS INTERFACE axis port=m_axis
#pragma HLS INTERFACE ap_ctrl_none port=return
// flushing: the last rows must come out although no more go in
#pragma HLS PIPELINE II=BEATS style=flp
    row(encoder, s_axis, m_axis);
}
