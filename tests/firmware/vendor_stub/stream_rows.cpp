// Beats in, beats out: calls the top function that Vitis HLS is given, once for each row.
#include <ap_axi_sdata.h>
#include <cstdint>
#include <hls_stream.h>

typedef ap_axiu<16 * LANES, 0, 0, 0> beat_t;
void encoder_stream(hls::stream<beat_t> &s_axis, hls::stream<beat_t> &m_axis);

extern "C" int64_t stream_rows(const int16_t *lanes, const uint8_t *last, int64_t beats, int64_t rows, int16_t *out,
                               uint8_t *out_last) {
    hls::stream<beat_t> from, to;
    for (int64_t b = 0; b < beats; ++b) {
        beat_t beat;
        for (int i = 0; i < LANES; ++i) beat.data.range(16 * i + 15, 16 * i) = ap_int<16>(lanes[b * LANES + i]);
        beat.keep = beat.strb = -1;
        beat.last = last[b];
        from.write(beat);
    }
    for (int64_t row = 0; row < rows; ++row) encoder_stream(from, to);
    int64_t n = 0;
    for (; !to.empty(); ++n) {
        const beat_t beat = to.read();
        for (int i = 0; i < LANES; ++i)
            out[n * LANES + i] = int16_t(ap_int<16>(beat.data.range(16 * i + 15, 16 * i)).to_int());
        out_last[n] = uint8_t(beat.last.to_uint());
        if ((beat.keep + 1) != (1 << 2 * LANES)) return -1;
    }
    return from.empty() ? n : -1;
}
