#include "params.h"

#include <cmath>
#include <cstring>
#include <new>

#include "failure.h"

namespace baler::h5 {

uint64_t Params::chunk_bytes() const {
    if (!local || kind == 0) return 0;
    uint64_t n = itemsize;
    for (uint32_t i = 0; i < ndim; i++) {
        if (dims[i] == 0 || n > (uint64_t(1) << 47) / dims[i]) return 0;
        n *= dims[i];
    }
    return n;
}

baler_array Params::array(uint64_t nbytes) const {
    baler_array a{};
    if (uint64_t expected = chunk_bytes()) {
        // A program whose HDF5 functions we cannot reach has changed the chunks, and nobody could write that down.
        if (expected != nbytes) {
            fail(BALER_ERR_ARGUMENT, "the chunk has %llu bytes, the filter's parameters describe chunks of %llu bytes",
                 static_cast<unsigned long long>(nbytes), static_cast<unsigned long long>(expected));
        }
        a.kind = kind;
        a.itemsize = itemsize;
        a.big_endian = big_endian;
        a.ndim = static_cast<uint8_t>(ndim);
        for (uint32_t i = 0; i < ndim; i++) a.shape[i] = dims[i];
        return a;
    }
    a.kind = 'V';
    a.itemsize = 1;
    a.ndim = 1;
    a.shape[0] = nbytes;
    return a;
}

namespace {

void check_bound(const Params& p) {
    if (p.has_model && (p.bound_kind || p.bound != 0)) {
        fail(BALER_ERR_ARGUMENT,
             "HDF5 filter parameters: words 2-4 must be 0 beside a model, which holds its own bounds");
    }
    switch (p.bound_kind) {
        case BALER_BOUND_EXACT:
            if (p.bound == 0) return;
            fail(BALER_ERR_ARGUMENT, "HDF5 filter parameters: an exact bound has no value, words 3-4 must be 0");
        case BALER_BOUND_ABS:
        case BALER_BOUND_PW_REL:
            if (std::isfinite(p.bound) && p.bound > 0) return;
            fail(BALER_ERR_ARGUMENT,
                 "HDF5 filter parameters: the error bound must be a positive number, words 3-4 hold %g", p.bound);
        case BALER_BOUND_LATENT:
            fail(BALER_ERR_ARGUMENT, "HDF5 filter parameters: the latent bound belongs to a model, and none is given");
        default:
            fail(BALER_ERR_VERSION,
                 "HDF5 filter parameters: word 2 names bound kind %u, which this version (%s) does not know",
                 p.bound_kind, baler_version());
    }
}

constexpr unsigned kKindShift = 16, kSizeShift = 18, kBigEndianBit = 20, kElementsBit = 21;
constexpr char kKinds[] = {'f', 'i', 'u'};

// Fields of records: their number, then one word each, and one more for arrays.
std::vector<baler_field> parse_fields(const unsigned* words, size_t n, uint32_t itemsize) {
    std::vector<baler_field> fields;
    const size_t count = n ? words[0] : 0;
    size_t at = 1;
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        if (at >= n) return {};
        const unsigned word = words[at++];
        const unsigned kind = word >> kKindShift & 3;
        if (kind > 2 || word >> (kElementsBit + 1)) return {};
        baler_field f{};
        f.kind = kKinds[kind];
        f.itemsize = 1u << (word >> kSizeShift & 3);
        f.big_endian = word >> kBigEndianBit & 1;
        f.offset = word & 0xffff;
        f.elements = 1;
        if (word >> kElementsBit & 1) {
            if (at >= n) return {};
            f.elements = words[at++];
        }
        const uint64_t stop = f.offset + uint64_t(f.itemsize) * f.elements;
        if (f.offset < end || f.elements == 0 || stop > itemsize) return {};
        end = stop;
        fields.push_back(f);
    }
    return fields;
}

// How many words there were room for: none when they are too many for all.
size_t write_fields(const std::vector<baler_field>& fields, unsigned* words, size_t room) {
    size_t wanted = 1;
    for (const baler_field& f : fields) wanted += f.elements > 1 ? 2 : 1;
    if (fields.empty() || wanted > room) return 0;
    size_t at = 0;
    words[at++] = static_cast<unsigned>(fields.size());
    for (const baler_field& f : fields) {
        const unsigned kind = f.kind == 'f' ? 0 : f.kind == 'i' ? 1 : 2;
        const unsigned size = f.itemsize == 8 ? 3 : f.itemsize == 4 ? 2 : f.itemsize == 2 ? 1 : 0;
        words[at++] = f.offset | kind << kKindShift | size << kSizeShift | unsigned(f.big_endian) << kBigEndianBit |
                      unsigned(f.elements > 1) << kElementsBit;
        if (f.elements > 1) words[at++] = f.elements;
    }
    return at;
}

}  // namespace

Params parse_params(const unsigned* words, size_t n) {
    Params p;
    if (n == 0) return p;
    auto word = [&](size_t i) -> uint32_t { return i < n ? words[i] : 0; };
    if (word(0) != 0) {
        fail(BALER_ERR_VERSION,
             "HDF5 filter parameters have layout version %u; this version (%s) knows 0: update baler-codec", word(0),
             baler_version());
    }
    uint32_t flags = word(1);
    if (flags & ~(kHasModel | kStable)) {
        fail(BALER_ERR_VERSION, "HDF5 filter parameters: word 1 has flags 0x%x, which this version (%s) does not know",
             flags & ~(kHasModel | kStable), baler_version());
    }
    p.has_model = flags & kHasModel;
    p.stable = flags & kStable;
    p.bound_kind = word(2);
    uint64_t bits = word(3) | uint64_t(word(4)) << 32;
    std::memcpy(&p.bound, &bits, 8);
    check_bound(p);
    uint32_t any = 0;
    for (size_t i = 0; i < 32; i++) {
        p.model[i] = static_cast<uint8_t>(word(5 + i / 4) >> (8 * (i % 4)));
        any |= p.model[i];
    }
    if (p.has_model && n < kUserWords) {
        fail(BALER_ERR_ARGUMENT,
             "HDF5 filter parameters: %zu words are too few for a model's sha256, which needs %zu", n, kUserWords);
    }
    if (!p.has_model && any) {
        fail(BALER_ERR_ARGUMENT, "HDF5 filter parameters: words 5-12 must be 0 without a model (flag 1)");
    }

    if (n < 17 || word(16) > BALER_MAX_NDIM || n < 17 + word(16)) return p;
    p.local = true;
    p.kind = static_cast<char>(word(13));
    p.itemsize = word(14);
    p.big_endian = word(15) != 0;
    p.ndim = word(16);
    for (uint32_t i = 0; i < p.ndim; i++) p.dims[i] = word(17 + i);
    bool known = word(13) < 128 && (p.kind == 'f' || p.kind == 'i' || p.kind == 'u' || p.kind == 'V' || p.kind == 0);
    if (!known || p.itemsize == 0) {
        p.kind = 0;
        p.itemsize = 1;
    }
    if (n >= 20 + p.ndim) {
        p.model_address = word(17 + p.ndim) | uint64_t(word(18 + p.ndim)) << 32;
        p.model_length = word(19 + p.ndim);
    }
    if (p.kind == 'V' && n > 20 + p.ndim) {
        try {
            p.fields = parse_fields(words + 20 + p.ndim, n - 20 - p.ndim, p.itemsize);
        } catch (const std::bad_alloc&) {  // chunks can be written without, and must be
        }
    }
    return p;
}

size_t write_params(const Params& p, unsigned words[kMaxWords]) {
    std::memset(words, 0, kMaxWords * sizeof *words);
    words[1] = (p.has_model ? kHasModel : 0) | (p.stable ? kStable : 0);
    words[2] = p.bound_kind;
    uint64_t bits;
    std::memcpy(&bits, &p.bound, 8);
    words[3] = static_cast<unsigned>(bits);
    words[4] = static_cast<unsigned>(bits >> 32);
    for (size_t i = 0; i < 32; i++) words[5 + i / 4] |= static_cast<unsigned>(p.model[i]) << (8 * (i % 4));
    words[13] = static_cast<unsigned char>(p.kind);
    words[14] = p.itemsize;
    words[15] = p.big_endian;
    words[16] = p.ndim;
    size_t n = 17;
    for (uint32_t i = 0; i < p.ndim; i++) words[n++] = p.dims[i];
    words[n++] = static_cast<unsigned>(p.model_address);
    words[n++] = static_cast<unsigned>(p.model_address >> 32);
    words[n++] = static_cast<unsigned>(p.model_length);
    if (p.kind == 'V') n += write_fields(p.fields, words + n, kMaxWords - n);
    return n;
}

}  // namespace baler::h5
