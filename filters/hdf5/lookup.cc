#include "lookup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

namespace baler::h5 {

std::string hex(const ModelId& id) {
    static const char digits[] = "0123456789abcdef";
    std::string s;
    for (uint8_t b : id) {
        s += digits[b >> 4];
        s += digits[b & 15];
    }
    return s;
}

namespace {

bool hash_fits(const std::vector<uint8_t>& bytes, const ModelId& id) {
    ModelId found;
    baler_sha256(bytes.data(), bytes.size(), found.data());
    return found == id;
}

// One search: the steps append to `why` what they looked at.
struct Search {
    const Host& host;
    const ModelId& id;
    std::string name = hex(id);
    std::vector<uint8_t> bytes{};
    std::string why{};
    bool altered = false;

    void looked(const std::string& place) { why += (why.empty() ? "" : ", ") + place; }

    // pread from every regular file that the process has open: no HDF5 call, no second open. The address goes stale
    // when a file is rewritten; then the hash says so.
    bool recorded_address(uint64_t address, uint64_t length) {
        if (!address || !length || length > kMaxModelBytes) return false;
        long limit = std::min(std::max(sysconf(_SC_OPEN_MAX), 256L), 4096L);
        for (int fd = 0; fd < limit; fd++) {
            struct stat st;
            if (fstat(fd, &st) || !S_ISREG(st.st_mode)) continue;
            uint64_t size = static_cast<uint64_t>(st.st_size);
            if (size < length || address > size - length) continue;
            bytes.resize(static_cast<size_t>(length));
            ssize_t got = pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(address));
            if (got == static_cast<ssize_t>(length) && hash_fits(bytes, id)) return true;
        }
        looked("the recorded place in the open files");
        return false;
    }

    std::vector<Id> open_ids(unsigned types) const {
        intptr_t n = host.H5Fget_obj_count(kAll, types);
        std::vector<Id> ids(n > 0 ? static_cast<size_t>(n) : 0);
        if (n > 0) n = host.H5Fget_obj_ids(kAll, types, ids.size(), ids.data());
        ids.resize(n > 0 ? std::min(static_cast<size_t>(n), ids.size()) : 0);
        return ids;
    }

    // Datasets and groups too: the target of an external link, or a file closed weakly, has no file id.
    bool open_objects() {
        size_t n = 0;
        for (unsigned types : {kFiles, kDatasets, kGroups}) {
            for (Id object : open_ids(types)) {
                n++;
                if (read_embedded(host, object, id, bytes, &altered)) return true;
            }
        }
        looked("the " + std::to_string(n) + " HDF5 objects that are open");
        return false;
    }

    // Source files of virtual datasets: HDF5 opens them without an id.
    bool virtual_sources() {
        std::vector<std::string> seen;
        for (Id dataset : open_ids(kDatasets)) {
            Handle dcpl(host.H5Dget_create_plist(dataset), host.H5Pclose);
            size_t n = 0;
            if (dcpl < 0 || host.H5Pget_layout(dcpl) != kVirtual || host.H5Pget_virtual_count(dcpl, &n) < 0) continue;
            char text[4096] = "";
            if (host.H5Fget_name(dataset, text, sizeof text) < 0) continue;
            std::string folder = text;
            size_t slash = folder.rfind('/');
            folder.resize(slash == std::string::npos ? 0 : slash + 1);
            for (size_t i = 0; i < n; i++) {
                intptr_t length = host.H5Pget_virtual_filename(dcpl, i, text, sizeof text);
                if (length <= 0 || length >= static_cast<intptr_t>(sizeof text)) continue;
                std::string file = text;
                if (file == "." || std::find(seen.begin(), seen.end(), file) != seen.end()) continue;
                seen.push_back(file);
                for (const std::string& path : {folder + file, file}) {
                    if (access(path.c_str(), R_OK)) continue;
                    Handle opened(host.H5Fopen(path.c_str(), kReadOnly, kDefault), host.H5Fclose);
                    if (opened >= 0 && read_embedded(host, opened, id, bytes, &altered)) return true;
                }
            }
        }
        if (!seen.empty()) looked(std::to_string(seen.size()) + " source files of virtual datasets");
        return false;
    }

    bool folder(const std::string& path) {
        if (path.empty()) return false;
        looked(path);
        std::string file = path + "/" + name + ".baler";
        int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0) return false;
        struct stat st;
        bool ok = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 &&
                  static_cast<uint64_t>(st.st_size) <= kMaxModelBytes;
        if (ok) {
            bytes.resize(static_cast<size_t>(st.st_size));
            ok = read(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
        }
        close(fd);
        if (!ok) return false;
        if (hash_fits(bytes, id)) return true;
        altered = true;
        return false;
    }

    bool folders() {
        if (const char* list = std::getenv("BALER_MODEL_PATH")) {
            std::string all = list;
            for (size_t begin = 0; begin <= all.size();) {
                size_t end = std::min(all.find(':', begin), all.size());
                if (folder(all.substr(begin, end - begin))) return true;
                begin = end + 1;
            }
        } else {
            looked("BALER_MODEL_PATH (not set)");
        }
        const char* data = std::getenv("XDG_DATA_HOME");
        const char* home = std::getenv("HOME");
        if (data && *data) {
            if (folder(std::string(data) + "/baler/models")) return true;
        } else if (home && *home) {
            if (folder(std::string(home) + "/.local/share/baler/models")) return true;
        }
        return folder("/usr/share/baler/models");
    }
};

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

}  // namespace

bool read_embedded(const Host& host, Id location, const ModelId& id, std::vector<uint8_t>& bytes, bool* altered) {
    std::string path = "/.baler/models/" + hex(id);
    for (const char* part : {"/.baler", "/.baler/models", path.c_str()}) {
        if (host.H5Lexists(location, part, kDefault) <= 0) return false;
    }
    Handle dataset(host.H5Dopen2(location, path.c_str(), kDefault), host.H5Dclose);
    if (dataset < 0) return false;
    Handle space(host.H5Dget_space(dataset), host.H5Sclose);
    Handle type(host.H5Dget_type(dataset), host.H5Tclose);
    if (space < 0 || type < 0 || host.H5Tget_size(type) != 1 || host.H5Tget_class(type) != kClassInteger) return false;
    int64_t n = host.H5Sget_simple_extent_npoints(space);
    if (n <= 0 || static_cast<uint64_t>(n) > kMaxModelBytes) return false;
    bytes.resize(static_cast<size_t>(n));
    if (host.H5Dread(dataset, type, kDefault, kDefault, kDefault, bytes.data()) < 0) return false;
    if (hash_fits(bytes, id)) return true;
    *altered = true;
    return false;
}

Failure missing(const ModelId& id, const std::string& why) {
    return {BALER_ERR_MODEL_MISSING, "the model sha256:" + hex(id) + " was not found: " + why + "; put " + hex(id) +
                                         ".baler into a folder of BALER_MODEL_PATH, or the model into the file with "
                                         "baler_codec.hdf5.embed()"};
}

const baler_model* find_model(const Host& host, const ModelId& id, uint64_t address, uint64_t length, bool again,
                              std::string& why) {
    if (last_used.model && last_used.id == id) return last_used.model;
    if (baler_model* cached = baler_cache_get(id.data())) return keep(cached, id);
    // A file with thousands of chunks and no model would else search thousands of times.
    auto now = std::chrono::steady_clock::now().time_since_epoch();
    auto soon = std::chrono::steady_clock::duration(std::chrono::milliseconds(100)).count();
    if (!again && last_used.missing && last_used.missing_id == id && now.count() - last_used.missing_since < soon) {
        why = *last_why;
        return nullptr;
    }
    Search search{host, id};
    bool found = search.recorded_address(address, length);
    // Somebody may have filtered the model's own dataset (h5repack does it to all), and so lead back to here.
    static thread_local bool searching = false;
    if (!found && searching) {
        search.looked("(nowhere in the file: this is the search for the model of a model)");
    } else if (!found && host.complete) {
        struct Flag {
            Flag() { searching = true; }
            ~Flag() { searching = false; }
        } flag;
        Quiet quiet(host);
        found = search.open_objects() || search.virtual_sources();
    } else if (!found) {
        search.looked("(the HDF5 library's own functions cannot be reached: statically linked?)");
    }
    if (!found) found = search.folders();
    if (!found) {
        last_used.missing = true;
        last_used.missing_id = id;
        last_used.missing_since = now.count();
        why = "looked in " + search.why;
        if (search.altered) why += "; what lies there under its name has another sha256: it was altered or damaged";
        if (!last_why) last_why = new std::string;
        *last_why = why;
        return nullptr;
    }
    ModelId checked;
    if (baler_cache_add(search.bytes.data(), search.bytes.size(), checked.data()) == BALER_OK && checked == id) {
        if (baler_model* cached = baler_cache_get(id.data())) return keep(cached, id);
    }
    baler_model* opened = nullptr;
    if (baler_model_open(search.bytes.data(), search.bytes.size(), &opened) == BALER_OK) return keep(opened, id);
    why = std::string("it was found, but cannot be used: ") + baler_last_error();
    return nullptr;
}

}  // namespace baler::h5
