#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if !defined(_WIN32)
#include <unistd.h>
#endif

#include "baler.h"
#include "failure.h"
#include "float_state.h"

namespace baler {
namespace {

std::atomic<int> wanted{0};  // 0: what BALER_NUM_THREADS says
std::atomic<int> busy{0};    // threads beside the callers' own
thread_local bool inside = false;

int from_environment() {
    const char* text = std::getenv("BALER_NUM_THREADS");
    if (!text || !*text) return 1;
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    if (*end == 0 && n >= 1 && n <= kMaxThreads) return static_cast<int>(n);
    std::fprintf(stderr, "baler: warning: BALER_NUM_THREADS=%.32s is no number from 1 to %d: one thread\n", text,
                 kMaxThreads);
    return 1;
}

#if !defined(_WIN32)
// A child of fork() has none of the threads that its parent had at that moment.
void forget_others() {
    static std::atomic<long> owner{0};
    const long self = static_cast<long>(getpid());
    long known = owner.load();
    if (known != self && owner.compare_exchange_strong(known, self) && known != 0) busy = 0;
}
#else
void forget_others() {}
#endif

// Takes as many of the process's threads as there are, at most n.
class Helpers {
  public:
    explicit Helpers(size_t n) {
        forget_others();
        int others = busy.load();
        do {
            const int left = std::max(threads() - 1 - others, 0);
            count = static_cast<int>(std::min(n, static_cast<size_t>(left)));
        } while (!busy.compare_exchange_weak(others, others + count));
    }
    ~Helpers() {
        for (std::thread& t : running) t.join();
        busy -= count;
    }
    Helpers(const Helpers&) = delete;
    Helpers& operator=(const Helpers&) = delete;

    int count;
    std::vector<std::thread> running;
};

class Loop {
  public:
    Loop(size_t n, void (*body)(void*, size_t), void* context) : n_(n), failed_at_(n), body_(body), context_(context) {}

    void work() noexcept {
        inside = true;
        for (size_t i; (i = next_.fetch_add(1)) < n_;) {
            try {
                body_(context_, i);
            } catch (...) {
                std::lock_guard<std::mutex> lock(mutex_);
                if (i < failed_at_) {
                    failed_at_ = i;
                    failure_ = std::current_exception();
                }
                next_ = n_;  // those before i have all begun
            }
        }
        inside = false;
    }

    void finish() {
        if (failure_) std::rethrow_exception(failure_);
    }

  private:
    const size_t n_;
    std::atomic<size_t> next_{0};
    std::mutex mutex_;
    size_t failed_at_;
    std::exception_ptr failure_;
    void (*body_)(void*, size_t);
    void* context_;
};

}  // namespace

int threads() {
    const int n = wanted.load(std::memory_order_relaxed);
    if (n) return n;
    static const int said = from_environment();
    return said;
}

void set_threads(int n) {
    if (n < 1 || n > kMaxThreads)
        fail(BALER_ERR_ARGUMENT, "the number of threads must be from 1 to %d, not %d", kMaxThreads, n);
    wanted = n;
}

bool in_parallel_loop() { return inside; }

void run_parallel(size_t n, void (*body)(void*, size_t), void* context) {
    Loop loop(n, body, context);
    {
        Helpers helpers(n - 1);
        try {
            helpers.running.reserve(static_cast<size_t>(helpers.count));
            for (int i = 0; i < helpers.count; i++)
                helpers.running.emplace_back([&loop] {
                    FloatState state;
                    loop.work();
                });
        } catch (const std::exception&) {
            // no more threads to be had: those that there are do the work
        }
        loop.work();
    }
    loop.finish();
}

}  // namespace baler
