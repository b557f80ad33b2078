// The one type of Vitis' header that a stream's beats have; its free headers do not hold it.
#pragma once
#include <ap_int.h>

template <int Width, int, int, int> struct ap_axiu {
    ap_uint<Width> data;
    ap_uint<Width / 8> keep, strb;
    ap_uint<1> last;
};
