#include "spare_memory.h"

namespace baler {
namespace {

constexpr size_t kLeast = size_t(1) << 16, kMost = size_t(16) << 20;  // bytes: worth keeping, kept between chunks
constexpr size_t kBlocks = 64;

struct Block {
    void* memory;
    size_t bytes;
};

struct Kept {
    std::vector<Block> blocks;
    size_t bytes = 0;
    int wanted = 0;  // by so many MemoryKept

    void shrink(size_t most) {
        while (bytes > most) {
            bytes -= blocks.back().bytes;
            ::operator delete(blocks.back().memory);
            blocks.pop_back();
        }
    }
    ~Kept() { shrink(0); }
};

Kept& kept() {
    static thread_local Kept kept;
    return kept;
}

// Sizes that are nearly alike share their memory: four to an octave.
size_t size_class(size_t bytes) {
    const size_t step = (size_t(1) << (63 - __builtin_clzll(bytes))) / 4;
    return (bytes + step - 1) / step * step;
}

}  // namespace

void* take_memory(size_t bytes) {
    if (bytes < kLeast) return ::operator new(bytes);
    bytes = size_class(bytes);
    Kept& k = kept();
    for (size_t i = k.blocks.size(); i-- > 0;) {
        if (k.blocks[i].bytes != bytes) continue;
        void* memory = k.blocks[i].memory;
        k.blocks.erase(k.blocks.begin() + static_cast<std::ptrdiff_t>(i));
        k.bytes -= bytes;
        return memory;
    }
    k.blocks.reserve(kBlocks);
    return ::operator new(bytes);
}

void give_memory(void* memory, size_t bytes) noexcept {
    if (bytes >= kLeast) {
        bytes = size_class(bytes);
        Kept& k = kept();
        // giving back never allocates: where there is no place in the list nothing is kept
        if (k.blocks.size() < k.blocks.capacity() && (k.wanted || k.bytes + bytes <= kMost)) {
            k.blocks.push_back(Block{memory, bytes});
            k.bytes += bytes;
            return;
        }
    }
    ::operator delete(memory);
}

MemoryKept::MemoryKept() noexcept { kept().wanted++; }

MemoryKept::~MemoryKept() {
    Kept& k = kept();
    if (!--k.wanted) k.shrink(kMost);
}

}  // namespace baler
