// Source files of virtual datasets: HDF5 opens them without an id that a filter could see.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "search.h"

namespace baler::h5 {

class VirtualSources {
  public:
    explicit VirtualSources(Search& search) : search_(search), host_(search.host_) {}
    // Looks into the sources of a dataset, and into theirs; nothing if it is not virtual.
    bool of(Id dataset, int depth = 0);
    size_t files() const { return files_.size(); }

  private:
    bool source(const std::string& path, const std::string& dataset, int depth);
    std::vector<std::string> folders_for(Id dataset) const;

    Search& search_;
    const Host& host_;
    std::set<std::string> files_{};
    std::set<std::pair<std::string, std::string>> seen_{};  // file and dataset
};

}  // namespace baler::h5
