#include "descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

namespace baler::h5 {

std::vector<int> open_descriptors() {
    std::vector<int> found;
    if (DIR* all = opendir("/dev/fd")) {
        while (const dirent* entry = readdir(all)) {
            char* end = nullptr;
            const long fd = std::strtol(entry->d_name, &end, 10);
            if (end != entry->d_name && !*end && fd != dirfd(all)) found.push_back(static_cast<int>(fd));
        }
        closedir(all);
    } else {
        const long limit = std::min(std::max(sysconf(_SC_OPEN_MAX), 256L), 4096L);
        for (int fd = 0; fd < limit; fd++)
            if (fcntl(fd, F_GETFD) >= 0) found.push_back(fd);
    }
    return found;
}

std::vector<std::string> open_file_names() {
    std::vector<std::string> names;
    for (int fd : open_descriptors()) {
        struct stat st;
        if (fstat(fd, &st) || !S_ISREG(st.st_mode)) continue;
        char name[PATH_MAX];
#if defined(F_GETPATH)
        if (fcntl(fd, F_GETPATH, name) < 0) continue;
        names.push_back(name);
#else
        const ssize_t n = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), name, sizeof name);
        if (n > 0 && n < static_cast<ssize_t>(sizeof name)) names.emplace_back(name, static_cast<size_t>(n));
#endif
    }
    return names;
}

}  // namespace baler::h5
