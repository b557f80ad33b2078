#include "embed.h"

#include <cstdlib>
#include <cstring>
#include <string>

#include "search.h"

namespace baler::h5 {

namespace {

std::string file_name(const Host& host, Id id) {
    char name[4096] = "";
    return host.H5Fget_name(id, name, sizeof name) < 0 ? "" : name;
}

// The one writable file, or -1: with several there is no telling which of them the dataset is for. HDF5 lets nobody
// open a file twice for writing except under the same name, so several ids of one name are one file.
Id only_writable(const Host& host) {
    Id found = -1;
    std::string found_name;
    for (Id id : open_ids(host, kFiles)) {
        unsigned intent = 0;
        if (host.H5Fget_intent(id, &intent) < 0 || intent & kSwmrWrite) return -1;
        if (!(intent & kReadWrite)) continue;
        std::string name = file_name(host, id);
        if (name.empty() || (found >= 0 && name != found_name)) return -1;
        found = id;
        found_name = name;
    }
    return found;
}

// Groups that track the order of their links are kept in the compact form, which saves 2 KiB of a small file.
bool make_group(const Host& host, Id file, const char* path) {
    constexpr unsigned tracked = 1;
    if (host.H5Lexists(file, path, kDefault) > 0) return true;
    Handle settings(host.H5Pcreate(host.group_create), host.H5Pclose);
    if (settings < 0 || host.H5Pset_link_creation_order(settings, tracked) < 0) return false;
    Handle group(host.H5Gcreate2(file, path, kDefault, settings, kDefault), host.H5Gclose);
    return group >= 0;
}

bool write(const Host& host, Id file, const std::string& path, const baler_model* model) {
    size_t size = 0;
    const void* bytes = baler_model_bytes(model, &size);
    if (host.group_create < 0 || host.u8_type < 0) return false;
    if (!make_group(host, file, "/.baler") || !make_group(host, file, "/.baler/models")) return false;
    Size n = size;
    Handle space(host.H5Screate_simple(1, &n, nullptr), host.H5Sclose);
    if (space < 0) return false;
    Handle dataset(host.H5Dcreate2(file, path.c_str(), host.u8_type, space, kDefault, kDefault, kDefault), host.H5Dclose);
    return dataset >= 0 && host.H5Dwrite(dataset, host.u8_type, kDefault, kDefault, kDefault, bytes) >= 0;
}

}  // namespace

bool embed_model(const Host& host, const ModelId& id, const baler_model* model, uint64_t* address, uint64_t* length) {
    Quiet quiet(host);
    Id file = only_writable(host);
    if (file < 0) return false;
    const std::string path = "/.baler/models/" + hex(id);
    size_t size = 0;
    const void* bytes = baler_model_bytes(model, &size);
    std::vector<uint8_t> there;
    if (read_embedded(host, file, hex(id), there)) {
        if (there.size() != size || std::memcmp(there.data(), bytes, size)) return false;
    } else {
        const char* wanted = std::getenv("BALER_EMBED");
        if ((wanted && !std::strcmp(wanted, "0")) || !write(host, file, path, model)) return false;
    }
    Handle dataset(host.H5Dopen2(file, path.c_str(), kDefault), host.H5Dclose);
    if (dataset < 0) return false;
    const Size offset = host.H5Dget_offset(dataset);
    if (offset == ~Size(0) || offset == 0 || size > kMaxModelBytes) return false;
    *address = offset;
    *length = size;
    return true;
}

}  // namespace baler::h5
