// The files that the process has open, asked of the system.
#pragma once

#include <string>
#include <vector>

namespace baler::h5 {

std::vector<int> open_descriptors();
// Names of the regular files among them, where the system tells.
std::vector<std::string> open_file_names();

}  // namespace baler::h5
