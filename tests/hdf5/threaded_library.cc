// For tests: stands for a libhdf5 that reads chunks in threads of its own, which must not be called from them.
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "hdf5_abi.h"

using namespace baler::h5;

namespace {

std::atomic<int> calls{0};

template <class Result>
Result refuse() {
    calls++;
    return (Result)-1;
}

struct Work {
    const FilterClass* filter;
    const unsigned* values;
    size_t n;
    const void* chunk;
    size_t size, result;
};

// As HDF5 does it: the chunk in memory of its own, which the filter may replace.
void* read(void* to) {
    Work* work = static_cast<Work*>(to);
    size_t room = work->size;
    void* buffer = std::malloc(work->size);
    std::memcpy(buffer, work->chunk, work->size);
    work->result = work->filter->filter(kReverse, work->n, work->values, work->size, &room, &buffer);
    std::free(buffer);
    return nullptr;
}

}  // namespace

extern "C" {

#define STUB(result, name, arguments) \
    __attribute__((visibility("default"))) result name arguments { return refuse<result>(); }
#define H5allocate_memory unused_allocate
#define H5free_memory unused_free
BALER_H5_FUNCTIONS(STUB)
#undef H5allocate_memory
#undef H5free_memory

__attribute__((visibility("default"))) void* H5allocate_memory(size_t n, bool) {
    calls++;
    return std::malloc(n);
}
__attribute__((visibility("default"))) Err H5free_memory(void* p) {
    calls++;
    std::free(p);
    return 0;
}

// How many HDF5 functions the filter calls while it decodes a chunk, here or in a thread of this library.
__attribute__((visibility("default"))) int calls_while_reading(const FilterClass* filter, const unsigned* values, size_t n,
                                                              const void* chunk, size_t size, int own_thread, size_t* result) {
    Work work{filter, values, n, chunk, size, 0};
    calls = 0;
    if (own_thread) {
        pthread_t thread;
        pthread_create(&thread, nullptr, read, &work);
        pthread_join(thread, nullptr);
    } else {
        read(&work);
    }
    *result = work.result;
    return calls;
}
}
