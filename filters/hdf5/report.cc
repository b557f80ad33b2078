#include "report.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>

#include "failure.h"
#include "own_thread.h"

namespace baler::h5 {

namespace {

constexpr size_t kMaxTexts = 100;  // so many different texts may be printed, then silence

void print_once(const std::string& text) {
    const char* quiet = std::getenv("BALER_QUIET");
    if (quiet && *quiet && std::strcmp(quiet, "0") != 0) return;
    static auto* mutex = new std::mutex;  // never destroyed: HDF5 may call from an exit handler
    static auto* printed = new std::set<std::string>;
    std::lock_guard<std::mutex> lock(*mutex);
    if (printed->size() < kMaxTexts && printed->insert(text).second) {
        std::fprintf(stderr, "baler: %s\n", text.c_str());
    }
}

}  // namespace

void report(const Host& host, const std::string& text) noexcept {
    set_last_error(text.c_str());
    try {
        if (host.H5Epush2 && host.error_class >= 0 && !thread_of_library(host.base)) {
            host.H5Epush2(kDefault, "baler", "filter", 0, host.error_class, host.error_pipeline, host.error_cantfilter,
                          "baler: %s", text.c_str());
        }
        print_once(text);
    } catch (...) {  // out of memory: the thread's last error has the text
    }
}

}  // namespace baler::h5
