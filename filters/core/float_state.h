// The host may run with another rounding mode or with subnormals flushed to zero (GPU libraries and -ffast-math do
// that). The lattice needs plain IEEE arithmetic, so it is set while the core works, and put back afterwards.
#pragma once

#include <cfenv>
#include <cstdint>

#if defined(__x86_64__) || defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace baler {

class FloatState {
  public:
    FloatState(const FloatState&) = delete;
    FloatState& operator=(const FloatState&) = delete;
#if defined(__x86_64__) || defined(__SSE2__)
    FloatState() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }  // nearest, no FTZ or DAZ, all exceptions masked
    ~FloatState() { _mm_setcsr(saved_); }

  private:
    unsigned saved_;
#elif defined(__aarch64__)
    FloatState() {
        asm volatile("mrs %0, fpcr" : "=r"(saved_));
        set(0);
    }
    ~FloatState() { set(saved_); }

  private:
    static void set(uint64_t v) { asm volatile("msr fpcr, %0\n\tisb" : : "r"(v) : "memory"); }
    uint64_t saved_;
#else
    FloatState() : saved_(std::fegetround()) { std::fesetround(FE_TONEAREST); }
    ~FloatState() { std::fesetround(saved_); }

  private:
    int saved_;
#endif
};

}  // namespace baler
