#include "host.h"

#include <dlfcn.h>

#include <cstdlib>
#include <map>
#include <mutex>

#include "own_thread.h"

namespace baler::h5 {

namespace {

struct Hosts {
    std::mutex mutex;
    std::map<const void*, Host*> by_base;
};

// Never destroyed: HDF5 flushes files, and so calls the filter, in an exit handler that may run after ours.
Hosts& hosts() {
    static Hosts* all = new Hosts;
    return *all;
}

// A symbol of the library at `base`, never of another one that the search order would offer.
void* own_symbol(void* library, const void* base, const char* name) {
    void* symbol = library ? dlsym(library, name) : nullptr;
    Dl_info info;
    if (symbol && dladdr(symbol, &info) && info.dli_fbase == base) return symbol;
    return nullptr;
}

Id id_variable(void* library, const void* base, const char* name) {
    const void* symbol = own_symbol(library, base, name);
    return symbol ? *static_cast<const Id*>(symbol) : -1;
}

const Host& bind(const void* caller) {
    Dl_info info{};
    if (!dladdr(const_cast<void*>(caller), &info)) info.dli_fbase = nullptr;
    Hosts& all = hosts();
    std::lock_guard<std::mutex> lock(all.mutex);
    Host*& host = all.by_base[info.dli_fbase];
    if (host) return *host;
    host = new Host;
    if (!info.dli_fbase) return *host;
    host->base = info.dli_fbase;
    // The handles stay open, so that a library cannot go away while its functions are remembered here.
    void* library = info.dli_fname ? dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD) : nullptr;
    if (!library) library = dlopen(nullptr, RTLD_LAZY);
    host->complete = true;
#define BALER_H5_BIND(result, name, arguments)                                                      \
    host->name = reinterpret_cast<decltype(host->name)>(own_symbol(library, info.dli_fbase, #name)); \
    if (!host->name) host->complete = false;
    BALER_H5_FUNCTIONS(BALER_H5_BIND)
#undef BALER_H5_BIND
    host->error_class = id_variable(library, info.dli_fbase, "H5E_ERR_CLS_g");
    host->error_pipeline = id_variable(library, info.dli_fbase, "H5E_PLINE_g");
    host->error_cantfilter = id_variable(library, info.dli_fbase, "H5E_CANTFILTER_g");
    host->group_create = id_variable(library, info.dli_fbase, "H5P_CLS_GROUP_CREATE_ID_g");
    host->u8_type = id_variable(library, info.dli_fbase, "H5T_STD_U8LE_g");
    return *host;
}

}  // namespace

const Host& host_of(int slot, const void* caller) {
    // dladdr walks a symbol table (tens of microseconds), so each thread remembers its last caller per call site.
    static thread_local struct {
        const void* caller;
        const Host* host;
    } last[3];
    auto& known = last[slot];
    if (known.caller != caller) {
        known.host = &bind(caller);
        known.caller = caller;
    }
    return *known.host;
}

bool Host::may_be_called() const { return complete && !thread_of_library(base); }

// A thread of the library's own would wait for the lock; there is malloc, which is what HDF5 takes too.
void* Host::allocate(size_t n) const {
    return H5allocate_memory && H5free_memory && !thread_of_library(base) ? H5allocate_memory(n, false) : std::malloc(n);
}

void Host::release(void* p) const {
    if (H5allocate_memory && H5free_memory && !thread_of_library(base)) H5free_memory(p);
    else std::free(p);
}

Quiet::Quiet(const Host& host) : host_(host) {
    if (!host.may_be_called()) return;
    saved_ = host.H5Eget_auto2(kDefault, &function_, &data_) >= 0;
    if (saved_) host.H5Eset_auto2(kDefault, nullptr, nullptr);
}

Quiet::~Quiet() {
    if (saved_) host_.H5Eset_auto2(kDefault, function_, data_);
}

}  // namespace baler::h5
