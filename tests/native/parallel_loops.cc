// For tests: loops of parallel.h with bodies that say who ran them, fail, or hold loops of their own.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include "baler.h"
#include "failure.h"
#include "float_state.h"
#include "parallel.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

using namespace baler;

extern "C" {

BALER_API int loops_threads(void) { return threads(); }

// Every out[i] is i + 1 if its body ran once; the largest number of bodies at a time.
BALER_API int loops_run(int n_threads, size_t n, uint64_t* out, int milliseconds) {
    set_threads(n_threads);
    std::atomic<int> now{0}, most{0};
    parallel_for(n, [&](size_t i) {
        const int here = ++now;
        int known = most;
        while (known < here && !most.compare_exchange_weak(known, here)) {}
        if (milliseconds) std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
        out[i] += i + 1;
        --now;
    });
    return most;
}

// Bodies fail whose bit is set; which failure arrives here (n: none).
BALER_API size_t loops_fail(int n_threads, size_t n, uint64_t failing) {
    set_threads(n_threads);
    try {
        parallel_for(n, [&](size_t i) {
            if (i % 3 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
            if (failing >> i & 1) fail(BALER_ERR_CORRUPT, "%zu", i);
        });
    } catch (const Failure& f) {
        return std::stoul(f.text);
    }
    return n;
}

// Inner bodies that ran on another thread than their outer body.
BALER_API size_t loops_nested(int n_threads, size_t n) {
    set_threads(n_threads);
    std::atomic<size_t> elsewhere{0};
    parallel_for(n, [&](size_t) {
        const std::thread::id self = std::this_thread::get_id();
        parallel_for(n, [&](size_t) { elsewhere += std::this_thread::get_id() != self; });
    });
    return elsewhere;
}

// Bodies that see subnormals flushed, where the caller's thread flushes and has set that right for itself.
BALER_API size_t loops_flushed(int n_threads, size_t n) {
    set_threads(n_threads);
    std::atomic<size_t> wrong{0};
#if defined(__x86_64__)
    const unsigned host = _mm_getcsr();
    _mm_setcsr(host | 0x8040);
    {
        FloatState state;
        parallel_for(n, [&](size_t) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            wrong += (_mm_getcsr() & 0x8040) != 0;
        });
    }
    _mm_setcsr(host);
#endif
    return wrong;
}
}
