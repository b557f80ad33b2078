#include "spare_rows.h"

namespace baler {
namespace {

constexpr size_t kMost = size_t(2) << 20;  // elements: 16 MiB

struct Spare {
    std::vector<std::vector<int64_t>> kept;
    size_t elements = 0;
};

Spare& spare() {
    static thread_local Spare spare;
    return spare;
}

}  // namespace

std::vector<int64_t> take_rows(size_t n) {
    Spare& s = spare();
    std::vector<int64_t> rows;
    if (!s.kept.empty()) {
        rows = std::move(s.kept.back());
        s.kept.pop_back();
        s.elements -= rows.capacity();
        if (rows.capacity() < n) rows = {};  // growing would copy what nobody wants
    }
    rows.resize(n);
    return rows;
}

void give_rows(std::vector<int64_t>&& rows) {
    Spare& s = spare();
    if (rows.capacity() == 0 || s.elements + rows.capacity() > kMost) return;
    s.elements += rows.capacity();
    s.kept.push_back(std::move(rows));
}

}  // namespace baler
