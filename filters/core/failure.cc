#include "failure.h"

#include <cstdarg>
#include <cstdio>

namespace baler {

void fail(int code, const char* format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    std::vsnprintf(text, sizeof text, format, args);
    va_end(args);
    throw Failure{code, text};
}

}  // namespace baler
