#include "lookup.h"

#include <chrono>

#include "search.h"

namespace baler::h5 {

namespace {

// What this thread used last, so that a chunk costs a 32-byte compare, and what it lately failed to find. Trivially
// destructible: HDF5 may call during exit, after the destructors of thread-locals.
struct LastUsed {
    baler_model* model;
    ModelId id;
    bool missing;
    ModelId missing_id;
    std::chrono::steady_clock::rep missing_since;
};
thread_local LastUsed last_used;
thread_local std::string* last_why = nullptr;  // of the search that found nothing; lives as long as the process

struct Releaser {
    bool armed = true;
    ~Releaser() {
        if (last_used.model) baler_model_release(last_used.model);
        last_used.model = nullptr;
    }
};
thread_local Releaser releaser;

const baler_model* keep(baler_model* model, const ModelId& id) {
    (void)releaser.armed;  // constructs it, so that the thread's end gives the model back
    if (last_used.model) baler_model_release(last_used.model);
    last_used.model = model;
    last_used.id = id;
    last_used.missing = false;
    return model;
}

// Somebody may have filtered the model's own dataset (h5repack does it to all), and so lead back to here.
thread_local bool searching = false;

bool ask_hdf5(const Host& host, Search& search, unsigned steps) {
    if (!(steps & (kOpen | kVirtualSources))) return false;
    if (searching) {
        search.looked("(nowhere in the file: this is the search for the model of a model)");
        return false;
    }
    if (!host.complete) {
        search.looked("(the HDF5 library's own functions cannot be reached: statically linked?)");
        return false;
    }
    if (!host.may_be_called()) {
        search.looked("(not through HDF5: this is a thread of the library's own, which must not call it)");
        return false;
    }
    struct Flag {
        Flag() { searching = true; }
        ~Flag() { searching = false; }
    } flag;
    Quiet quiet(host);
    return ((steps & kOpen) && search.open_objects()) || ((steps & kVirtualSources) && search.virtual_sources());
}

bool find(const Host& host, Search& search, unsigned steps, uint64_t address, uint64_t length) {
    if ((steps & kAddress) && search.recorded_address(address, length)) return true;
    if (ask_hdf5(host, search, steps)) return true;
    if ((steps & kPath) && search.model_path()) return true;
    if ((steps & kUser) && search.user_folder()) return true;
    if ((steps & kSystem) && search.system_folders()) return true;
    if (!(steps & kSidecar)) return false;
    Quiet quiet(host);
    return search.sidecars();
}

}  // namespace

Failure missing(const ModelId& id, const std::string& why) {
    return {BALER_ERR_MODEL_MISSING, "the model sha256:" + hex(id) + " was not found: " + why + "; put " + hex(id) +
                                         ".baler into a folder of BALER_MODEL_PATH, or the model into the file with "
                                         "`baler hdf5 embed` or baler_codec.hdf5.embed()"};
}

const baler_model* find_model(const Host& host, const ModelId& id, uint64_t address, uint64_t length, bool again,
                              std::string& why) {
    if (last_used.model && last_used.id == id) return last_used.model;
    if (baler_model* cached = baler_cache_get(id.data())) return keep(cached, id);
    // A file with thousands of chunks and no model would else search thousands of times.
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto soon = std::chrono::steady_clock::duration(std::chrono::milliseconds(100)).count();
    if (!again && last_used.missing && last_used.missing_id == id && now.count() - last_used.missing_since < soon) {
        why = *last_why;
        return nullptr;
    }
    try {
        Search search(host, id);
        if (find(host, search, permitted_steps(), address, length))
            if (baler_model* found = baler_cache_get(id.data())) return keep(found, id);
        why = search.why();
    } catch (const Failure& failure) {
        why = failure.text;
    }
    last_used.missing = true;
    last_used.missing_id = id;
    last_used.missing_since = now.count();
    if (!last_why) last_why = new std::string;
    *last_why = why;
    return nullptr;
}

}  // namespace baler::h5
