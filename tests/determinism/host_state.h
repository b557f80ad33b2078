// The floating-point state of a host that has its own wishes: the library must neither feel it nor change it.
#pragma once

#include <cfenv>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

struct HostState {
    enum Kind { plain, flush, down, up, zero, unknown };

    static Kind kind_of(const char* name) {
        static const char* const names[] = {"plain", "flush", "down", "up", "zero"};
        for (int i = 0; i < unknown; i++)
            if (!std::strcmp(name, names[i])) return static_cast<Kind>(i);
        return unknown;
    }

    // What a library sets that wants speed (flush), or its own rounding; false: this machine has no such thing.
    static bool set(Kind kind) {
#if defined(__x86_64__)
        static const unsigned mxcsr[] = {0x1f80, 0x9fc0, 0x3f80, 0x5f80, 0x7f80};
        static const uint16_t x87[] = {0x037f, 0x007f, 0x077f, 0x0b7f, 0x0f7f};  // flush: with single precision
        _mm_setcsr(mxcsr[kind]);
        asm volatile("fldcw %0" : : "m"(x87[kind]));
        return true;
#elif defined(__aarch64__)
        static const uint64_t fpcr[] = {0, 1u << 24 | 1u << 19, 2u << 22, 1u << 22, 3u << 22};
        asm volatile("msr fpcr, %0\n\tisb" : : "r"(fpcr[kind]) : "memory");
        return true;
#else
        static const int modes[] = {FE_TONEAREST, -1, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
        return kind != flush && std::fesetround(modes[kind]) == 0 && std::fegetround() == modes[kind];
#endif
    }

    // Control bits alone: the flags of past operations are nobody's.
    static uint64_t get() {
#if defined(__x86_64__)
        uint16_t x87;
        asm volatile("fnstcw %0" : "=m"(x87));
        return uint64_t(x87) << 32 | (_mm_getcsr() & ~0x3fu & 0xffffu) | (_mm_getcsr() & 0x40u);
#elif defined(__aarch64__)
        uint64_t fpcr;
        asm volatile("mrs %0, fpcr" : "=r"(fpcr));
        return fpcr;
#else
        return static_cast<uint64_t>(std::fegetround());
#endif
    }
};
