// HDF5 does not say who calls a filter, but the stack does: a program's thread came to libhdf5 from the program's code,
// a thread of libhdf5 came from the system's thread start alone.
#include "own_thread.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unwind.h>

#include <cstdint>
#include <cstdlib>

namespace baler::h5 {

namespace {

const void* base_of(const void* address) {
    Dl_info info;
    return dladdr(const_cast<void*>(address), &info) ? info.dli_fbase : nullptr;
}

struct Stack {
    const void *own, *library, *threads, *system;  // the bases of what may be on such a thread's stack
    bool in_library = false, strange = false, at_start = false;

    void frame(const void* address) {
        const void* base = base_of(address);
        if (!base) strange = true;  // code of nobody, perhaps made at run time: a program's
        else if (base == library) in_library = true;
        else if (base == threads || base == system) at_start = in_library;
        else if (base != own) strange = true;
    }
};

_Unwind_Reason_Code visit(_Unwind_Context* context, void* stack) {
    // a return address may be the first byte behind a function's last call
    const uintptr_t address = _Unwind_GetIP(context);
    if (address) static_cast<Stack*>(stack)->frame(reinterpret_cast<const void*>(address - 1));
    return static_cast<Stack*>(stack)->strange ? _URC_END_OF_STACK : _URC_NO_REASON;
}

bool walk(const void* library) {
    static const char here = 0;
    // older systems have the threads in a library of their own
    Stack stack{base_of(&here), library, base_of(reinterpret_cast<const void*>(&pthread_create)),
                base_of(reinterpret_cast<const void*>(&std::getenv))};
    if (!stack.threads || stack.system == library || stack.own == library) return false;
    _Unwind_Backtrace(visit, &stack);
    return stack.in_library && stack.at_start && !stack.strange;
}

}  // namespace

bool thread_of_library(const void* base) {
    // a thread is the same all its life, and a walk costs microseconds
    static thread_local struct {
        const void* base;
        bool answer;
    } known;
    if (base && known.base != base) known = {base, walk(base)};
    return base && known.answer;
}

}  // namespace baler::h5
