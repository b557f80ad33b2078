#include "virtual_sources.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

namespace baler::h5 {

namespace {

constexpr int kMaxDepth = 16;           // of virtual datasets of virtual datasets
constexpr size_t kMaxNumbered = 65536;  // files of one name with %b

std::string folder_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

// A name in which %b stands for a number and %% for a percent sign.
struct Pattern {
    explicit Pattern(const std::string& text) {
        for (size_t i = 0; i < text.size(); i++) {
            const bool escape = text[i] == '%' && i + 1 < text.size();
            if (escape && text[i + 1] == 'b') {
                parts.emplace_back();
                i++;
            } else {
                if (escape && text[i + 1] == '%') i++;
                parts.back() += text[i];
            }
        }
    }
    bool numbered() const { return parts.size() > 1; }
    std::string with(const std::string& number) const {
        std::string text = parts[0];
        for (size_t i = 1; i < parts.size(); i++) text += number + parts[i];
        return text;
    }
    std::vector<std::string> parts{""};
};

// The numbers for which a file is there, smallest first. Only the last part of a path can be looked up so; where the
// number stands in a folder's name, files are tried one after the other.
std::vector<std::string> numbers(const Pattern& name, const std::string& folder) {
    std::vector<std::string> found;
    const std::string head = folder + name.parts[0];
    const std::string inside = folder_of(head), begin = head.substr(inside.size());
    DIR* all = opendir(inside.empty() ? "." : inside.c_str());
    if (!all) return found;
    while (const dirent* entry = readdir(all)) {
        const std::string there = entry->d_name;
        if (there.compare(0, begin.size(), begin)) continue;
        const size_t end = std::min(there.find_first_not_of("0123456789", begin.size()), there.size());
        const std::string number = there.substr(begin.size(), end - begin.size());
        if (number.empty() || (number.size() > 1 && number[0] == '0') || found.size() == kMaxNumbered) continue;
        if (!access((folder + name.with(number)).c_str(), R_OK)) found.push_back(number);
    }
    closedir(all);
    const auto smaller = [](const std::string& a, const std::string& b) {
        return a.size() != b.size() ? a.size() < b.size() : a < b;
    };
    std::sort(found.begin(), found.end(), smaller);
    return found;
}

}  // namespace

// Where HDF5 looks for sources with relative names: prefixes, then the folder of the file, then the working directory.
std::vector<std::string> VirtualSources::folders_for(Id dataset) const {
    char text[PATH_MAX] = "";
    std::string origin;
    if (host_.H5Fget_name(dataset, text, sizeof text) > 0) origin = folder_of(text);
    std::vector<std::string> prefixes;
    if (const char* prefix = std::getenv("HDF5_VDS_PREFIX")) prefixes.push_back(prefix);
    Handle dapl(host_.H5Dget_access_plist(dataset), host_.H5Pclose);
    const intptr_t n = dapl < 0 ? 0 : host_.H5Pget_virtual_prefix(dapl, text, sizeof text);
    if (n > 0 && n < static_cast<intptr_t>(sizeof text)) prefixes.push_back(text);
    std::vector<std::string> folders;
    for (std::string prefix : prefixes) {
        const std::string word = "${ORIGIN}";
        if (!prefix.compare(0, word.size(), word)) prefix = (origin.empty() ? "." : origin) + prefix.substr(word.size());
        if (!prefix.empty()) folders.push_back(prefix + "/");
    }
    folders.push_back(origin);
    if (!origin.empty()) folders.emplace_back();
    return folders;
}

bool VirtualSources::of(Id dataset, int depth) {
    Handle dcpl(host_.H5Dget_create_plist(dataset), host_.H5Pclose);
    size_t n = 0;
    if (depth > kMaxDepth || dcpl < 0 || host_.H5Pget_layout(dcpl) != kVirtual ||
        host_.H5Pget_virtual_count(dcpl, &n) < 0)
        return false;
    char text[PATH_MAX] = "";
    const std::vector<std::string> folders = folders_for(dataset);
    const std::string own = host_.H5Fget_name(dataset, text, sizeof text) > 0 ? text : "";
    for (size_t i = 0; i < n; i++) {
        intptr_t length = host_.H5Pget_virtual_filename(dcpl, i, text, sizeof text);
        if (length <= 0 || length >= static_cast<intptr_t>(sizeof text)) continue;
        const std::string written = text;
        text[0] = 0;
        length = host_.H5Pget_virtual_dsetname(dcpl, i, text, sizeof text);
        const Pattern file(written), inside(length > 0 && length < static_cast<intptr_t>(sizeof text) ? text : "");
        if (written == ".") {
            const std::string absolute = "/" + inside.with("");
            if (inside.numbered() || !seen_.insert({own, absolute}).second) continue;
            Handle same(host_.H5Dopen2(dataset, absolute.c_str(), kDefault), host_.H5Dclose);
            if (same >= 0 && of(same, depth + 1)) return true;
            continue;
        }
        for (const std::string& folder : folders) {
            const std::string where = written[0] == '/' ? "" : folder;
            const auto all = file.numbered() ? numbers(file, where) : std::vector<std::string>{""};
            for (const std::string& number : all)
                if (source(where + file.with(number), inside.with(number), depth)) return true;
            if (where.empty()) break;
        }
    }
    return false;
}

bool VirtualSources::source(const std::string& path, const std::string& dataset, int depth) {
    if (!seen_.insert({path, dataset}).second || access(path.c_str(), R_OK)) return false;
    const bool first = files_.insert(path).second;
    Handle file(host_.H5Fopen(path.c_str(), kReadOnly, kDefault), host_.H5Fclose);
    if (file < 0) return false;
    if (first && search_.embedded(file)) return true;
    if (dataset.empty()) return false;
    Handle inner(host_.H5Dopen2(file, dataset.c_str(), kDefault), host_.H5Dclose);
    return inner >= 0 && of(inner, depth + 1);
}

}  // namespace baler::h5
