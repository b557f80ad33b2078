// Arrays of indices and symbols that a thread keeps from one chunk for the next, so that their memory is not fetched from
// the system anew each time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace baler {

// n elements, whatever is in them. T is int64_t or uint32_t.
template <class T>
std::vector<T> take_spare(size_t n);
// Keeps them, unless this thread keeps much already.
template <class T>
void give_spare(std::vector<T>&& elements);

inline std::vector<int64_t> take_rows(size_t n) { return take_spare<int64_t>(n); }
inline void give_rows(std::vector<int64_t>&& rows) { give_spare(std::move(rows)); }

}  // namespace baler
