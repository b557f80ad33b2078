// How the core reports what went wrong: one exception type, caught at the C interface and nowhere else.
#pragma once

#include <string>

namespace baler {

struct Failure {
    int code;  // BALER_ERR_*
    std::string text;
};

[[noreturn]] void fail(int code, const char* format, ...) __attribute__((format(printf, 2, 3)));

// What baler_last_error() of this thread then says. Usable during exit, when HDF5 flushes files.
void set_last_error(const char* text) noexcept;

}  // namespace baler
