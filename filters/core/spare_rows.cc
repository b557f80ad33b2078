#include "spare_rows.h"

#include <algorithm>

namespace baler {
namespace {

constexpr size_t kMost = size_t(16) << 20;  // bytes

template <class T>
struct Spare {
    std::vector<std::vector<T>> kept;
    size_t elements = 0;
};

template <class T>
Spare<T>& spare() {
    static thread_local Spare<T> spare;
    return spare;
}

}  // namespace

template <class T>
std::vector<T> take_spare(size_t n) {
    Spare<T>& s = spare<T>();
    std::vector<T> taken;
    if (!s.kept.empty()) {
        // the last one that is large enough; growing would copy what nobody wants
        auto at = std::find_if(s.kept.rbegin(), s.kept.rend(), [n](const auto& v) { return v.capacity() >= n; });
        if (at == s.kept.rend()) at = s.kept.rbegin();
        taken = std::move(*at);
        s.kept.erase(at.base() - 1);
        s.elements -= taken.capacity();
        if (taken.capacity() < n) taken = {};
    }
    taken.resize(n);
    return taken;
}

template <class T>
void give_spare(std::vector<T>&& elements) {
    Spare<T>& s = spare<T>();
    if (elements.capacity() == 0 || s.elements + elements.capacity() > kMost / sizeof(T)) return;
    s.elements += elements.capacity();
    s.kept.push_back(std::move(elements));
}

template std::vector<int64_t> take_spare(size_t n);
template std::vector<uint32_t> take_spare(size_t n);
template void give_spare(std::vector<int64_t>&& elements);
template void give_spare(std::vector<uint32_t>&& elements);

}  // namespace baler
