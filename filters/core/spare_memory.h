// Memory that a thread passes on from one array to the next of its size, instead of handing it back to the system, which
// would have to clear it for the next one.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace baler {

void* take_memory(size_t bytes);  // std::bad_alloc
void give_memory(void* memory, size_t bytes) noexcept;

// While one of these lives its thread keeps all that is given back; else no more than a little.
class MemoryKept {
  public:
    MemoryKept() noexcept;
    ~MemoryKept();
    MemoryKept(const MemoryKept&) = delete;
    MemoryKept& operator=(const MemoryKept&) = delete;
};

// Elements are left as memory has them: for what is written before it is read.
template <class T>
struct Unset {
    using value_type = T;
    Unset() = default;
    template <class U>
    Unset(const Unset<U>&) noexcept {}
    T* allocate(size_t n) {
        if (n > size_t(-1) / 2 / sizeof(T)) throw std::bad_array_new_length();
        return static_cast<T*>(take_memory(n * sizeof(T)));
    }
    void deallocate(T* memory, size_t n) noexcept { give_memory(memory, n * sizeof(T)); }
    template <class U>
    void construct(U* at) {
        ::new (static_cast<void*>(at)) U;
    }
    template <class U, class... Args>
    void construct(U* at, Args&&... args) {
        ::new (static_cast<void*>(at)) U(std::forward<Args>(args)...);
    }
    template <class U>
    bool operator==(const Unset<U>&) const noexcept { return true; }
    template <class U>
    bool operator!=(const Unset<U>&) const noexcept { return false; }
};
template <class T>
using Unwritten = std::vector<T, Unset<T>>;

}  // namespace baler
