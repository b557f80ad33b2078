// CPU time of the fastest of many runs.
#pragma once

#include <time.h>

#include <algorithm>

namespace baler_bench {

inline double now() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// Seconds.
template <typename F>
double best(double seconds, F f) {
    double least = 1e9;
    for (const double end = now() + seconds; now() < end;) {
        const double begin = now();
        f();
        least = std::min(least, now() - begin);
    }
    return least;
}

}  // namespace baler_bench
