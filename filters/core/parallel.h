// Threads inside one call: parallel_for() over columns, candidates, blocks of values.
//
// One thread unless BALER_NUM_THREADS or set_threads() says more, and then body(i) is called in a plain loop. The number
// is the process's: however many calls run at once, they have at most that number less one of threads beside their own.
// Threads live as long as the loop, so that a fork never loses any. What a body computes must not depend on who ran it:
// it writes to places of its own, and sums over bodies are made after the loop, in their order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>

namespace baler {

constexpr int kMaxThreads = 256;

int threads();             // 1 ... kMaxThreads
void set_threads(int n);   // for the process; fails outside 1 ... kMaxThreads
bool in_parallel_loop();   // of this thread: loops inside loops run where they are

void run_parallel(size_t n, void (*body)(void* context, size_t i), void* context);

// body(0) ... body(n - 1), in any order and at the same time; afterwards, of the exceptions that they threw the one of
// the lowest i is thrown. After an exception the later bodies may not have run.
template <class Body>
void parallel_for(size_t n, Body&& body) {
    if (n < 2 || threads() == 1 || in_parallel_loop()) {
        for (size_t i = 0; i < n; i++) body(i);
        return;
    }
    using Plain = std::remove_reference_t<Body>;
    run_parallel(n, [](void* context, size_t i) { (*static_cast<Plain*>(context))(i); },
                 const_cast<void*>(static_cast<const void*>(std::addressof(body))));
}

// body(begin, end) for ranges that together are [0, n), as many as there are threads, of at least `least` each.
template <class Body>
void parallel_ranges(size_t n, size_t least, Body&& body) {
    const size_t most = in_parallel_loop() ? 1 : static_cast<size_t>(threads());
    const size_t parts = std::min(most, std::max(n / std::max(least, size_t(1)), size_t(1)));
    parallel_for(parts, [&](size_t i) { body(n * i / parts, n * (i + 1) / parts); });
}

}  // namespace baler
