// Arrays of indices that a thread keeps from one chunk for the next, so that their memory is not fetched from the system
// anew each time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace baler {

// n elements, whatever is in them.
std::vector<int64_t> take_rows(size_t n);
// Keeps them, unless this thread keeps much already.
void give_rows(std::vector<int64_t>&& rows);

}  // namespace baler
