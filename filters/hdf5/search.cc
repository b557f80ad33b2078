#include "search.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "descriptors.h"
#include "failure.h"
#include "virtual_sources.h"

namespace baler::h5 {

namespace {

constexpr char kMagic[] = "BALERMDL";  // what every model begins with: most wrong bytes are told by it, without a hash

struct Name {
    const char* text;
    unsigned step;
};
constexpr Name kNames[] = {{"address", kAddress}, {"open", kOpen},     {"virtual", kVirtualSources}, {"path", kPath},
                           {"user", kUser},       {"system", kSystem}, {"sidecar", kSidecar}};

// Parts of a list, without those that are empty.
std::vector<std::string> parts(const char* list, char separator) {
    std::vector<std::string> found;
    const std::string all = list;
    for (size_t begin = 0; begin <= all.size();) {
        const size_t end = std::min(all.find(separator, begin), all.size());
        if (end > begin) found.push_back(all.substr(begin, end - begin));
        begin = end + 1;
    }
    return found;
}

}  // namespace

std::string hex(const ModelId& id) {
    static const char digits[] = "0123456789abcdef";
    std::string s;
    for (uint8_t b : id) {
        s += digits[b >> 4];
        s += digits[b & 15];
    }
    return s;
}

unsigned permitted_steps() {
    const char* list = std::getenv("BALER_RESOLVE");
    if (!list) return ~0u;
    unsigned steps = 0;
    for (const std::string& name : parts(list, ',')) {
        const auto* known = std::find_if(std::begin(kNames), std::end(kNames), [&](const Name& n) { return name == n.text; });
        if (known == std::end(kNames)) {
            fail(BALER_ERR_ARGUMENT,
                 "BALER_RESOLVE names \"%s\"; the places where models may be looked for are address, open, virtual, path, "
                 "user, system, sidecar",
                 name.c_str());
        }
        steps |= known->step;
    }
    return steps;
}

std::string Search::why() const {
    std::string text = "looked in " + (why_.empty() ? "no place at all (BALER_RESOLVE permits none)" : why_);
    if (altered_) text += "; what lies there under its name has another sha256: it was altered or damaged";
    if (!unusable_.empty()) text += "; it was found, but cannot be used: " + unusable_;
    return text;
}

// `by_name`: the bytes lie under the model's name, so others than its own are worth a word.
bool Search::accept(const std::vector<uint8_t>& bytes, bool by_name) {
    ModelId found{};
    const size_t magic = sizeof kMagic - 1;
    const bool model = bytes.size() >= magic && !std::memcmp(bytes.data(), kMagic, magic);
    if (model && baler_cache_add(bytes.data(), bytes.size(), found.data()) == BALER_OK && found == id_) return true;
    const std::string text = model ? baler_last_error() : "";
    if (model && found != id_) baler_sha256(bytes.data(), bytes.size(), found.data());
    if (found == id_) unusable_ = text;
    else if (by_name) altered_ = true;
    return false;
}

// pread from every regular file that the process has open: no HDF5 call, no second open. The address goes stale when a
// file is rewritten; then the hash says so.
bool Search::recorded_address(uint64_t address, uint64_t length) {
    if (!address || !length || length > kMaxModelBytes) return false;
    std::vector<uint8_t> bytes;
    for (int fd : open_descriptors()) {
        struct stat st;
        char begin[sizeof kMagic - 1];
        if (fstat(fd, &st) || !S_ISREG(st.st_mode)) continue;
        const uint64_t size = static_cast<uint64_t>(st.st_size);
        if (size < length || address > size - length) continue;
        if (pread(fd, begin, sizeof begin, static_cast<off_t>(address)) != sizeof begin) continue;
        if (std::memcmp(begin, kMagic, sizeof begin)) continue;
        bytes.resize(static_cast<size_t>(length));
        const ssize_t got = pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(address));
        if (got == static_cast<ssize_t>(length) && accept(bytes, false)) return true;
    }
    looked("the recorded place in the open files");
    return false;
}

bool Search::embedded(Id location) {
    std::vector<uint8_t> bytes;
    return read_embedded(host_, location, name_, bytes) && accept(bytes, true);
}

// Datasets and groups too: the target of an external link, or a file closed weakly, has no file id.
bool Search::open_objects() {
    size_t n = 0;
    for (unsigned types : {kFiles, kDatasets, kGroups}) {
        for (Id object : open_ids(host_, types)) {
            n++;
            if (embedded(object)) return true;
        }
    }
    looked("the " + std::to_string(n) + " HDF5 objects that are open");
    return false;
}

bool Search::virtual_sources() {
    VirtualSources sources(*this);
    for (Id dataset : open_ids(host_, kDatasets))
        if (sources.of(dataset)) return true;
    if (sources.files()) looked(std::to_string(sources.files()) + " source files of virtual datasets");
    return false;
}

bool Search::file(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    struct stat st;
    std::vector<uint8_t> bytes;
    bool ok = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 &&
              static_cast<uint64_t>(st.st_size) <= kMaxModelBytes;
    if (ok) {
        bytes.resize(static_cast<size_t>(st.st_size));
        ok = read(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
    }
    close(fd);
    return ok && accept(bytes, true);
}

bool Search::folder(const std::string& path) {
    looked(path);
    return file(path + "/" + name_ + ".baler");
}

bool Search::model_path() {
    const char* list = std::getenv("BALER_MODEL_PATH");
    if (!list) looked("BALER_MODEL_PATH (not set)");
    for (const std::string& path : parts(list ? list : "", ':'))
        if (folder(path)) return true;
    return false;
}

bool Search::user_folder() {
    const char* data = std::getenv("XDG_DATA_HOME");
    const char* home = std::getenv("HOME");
    if (data && *data) return folder(std::string(data) + "/baler/models");
    return home && *home && folder(std::string(home) + "/.local/share/baler/models");
}

bool Search::system_folders() { return folder("/usr/local/share/baler/models") || folder("/usr/share/baler/models"); }

// <file>.baler/ beside each file that is open: names by HDF5, which knows them under every driver, and by the system,
// which knows those of a host whose functions cannot be reached.
bool Search::sidecars() {
    std::vector<std::string> names = open_file_names();
    if (host_.may_be_called()) {
        for (unsigned types : {kFiles, kDatasets}) {
            for (Id id : open_ids(host_, types)) {
                char name[PATH_MAX] = "";
                if (host_.H5Fget_name(id, name, sizeof name) > 0) names.push_back(name);
            }
        }
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (const std::string& name : names)
        if (file(name + ".baler/" + name_ + ".baler")) return true;
    looked("FILE.baler/ beside the " + std::to_string(names.size()) + " open files");
    return false;
}

std::vector<Id> open_ids(const Host& host, unsigned types) {
    intptr_t n = host.H5Fget_obj_count(kAll, types);
    std::vector<Id> ids(n > 0 ? static_cast<size_t>(n) : 0);
    if (n > 0) n = host.H5Fget_obj_ids(kAll, types, ids.size(), ids.data());
    ids.resize(n > 0 ? std::min(static_cast<size_t>(n), ids.size()) : 0);
    return ids;
}

bool read_embedded(const Host& host, Id location, const std::string& hex_id, std::vector<uint8_t>& bytes) {
    const std::string path = "/.baler/models/" + hex_id;
    for (const char* part : {"/.baler", "/.baler/models", path.c_str()}) {
        if (host.H5Lexists(location, part, kDefault) <= 0) return false;
    }
    Handle dataset(host.H5Dopen2(location, path.c_str(), kDefault), host.H5Dclose);
    if (dataset < 0) return false;
    Handle space(host.H5Dget_space(dataset), host.H5Sclose);
    Handle type(host.H5Dget_type(dataset), host.H5Tclose);
    if (space < 0 || type < 0 || host.H5Tget_size(type) != 1 || host.H5Tget_class(type) != kClassInteger) return false;
    const int64_t n = host.H5Sget_simple_extent_npoints(space);
    if (n <= 0 || static_cast<uint64_t>(n) > kMaxModelBytes) return false;
    bytes.resize(static_cast<size_t>(n));
    return host.H5Dread(dataset, type, kDefault, kDefault, kDefault, bytes.data()) >= 0;
}

}  // namespace baler::h5
