// Loaded before a program: from fail_new(n) on, the C++ operators new of n bytes and more fail.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

static std::atomic<size_t> limit{SIZE_MAX}, failed{0};

extern "C" void fail_new(size_t n) { limit = n; }
extern "C" size_t failures() { return failed; }

static void* get(size_t n, size_t align) {
    if (n >= limit) {
        failed++;
        return nullptr;
    }
    return align ? std::aligned_alloc(align, (n + align - 1) / align * align) : std::malloc(n ? n : 1);
}
static void* need(size_t n, size_t align) {
    void* p = get(n, align);
    if (!p) throw std::bad_alloc();
    return p;
}

void* operator new(size_t n) { return need(n, 0); }
void* operator new[](size_t n) { return need(n, 0); }
void* operator new(size_t n, std::align_val_t a) { return need(n, static_cast<size_t>(a)); }
void* operator new[](size_t n, std::align_val_t a) { return need(n, static_cast<size_t>(a)); }
void* operator new(size_t n, const std::nothrow_t&) noexcept { return get(n, 0); }
void* operator new[](size_t n, const std::nothrow_t&) noexcept { return get(n, 0); }
