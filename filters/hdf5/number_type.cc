#include "number_type.h"

#include <algorithm>

namespace baler::h5 {

namespace {

constexpr int kMaxDepth = 16;

bool is_plain_integer(const Host& host, Id type, size_t size, char* kind) {
    int sign = host.H5Tget_sign(type);
    if ((size != 1 && size != 2 && size != 4 && size != 8) || sign < 0 || sign > 1) return false;
    if (host.H5Tget_precision(type) != 8 * size || host.H5Tget_offset(type) != 0) return false;
    *kind = sign ? 'i' : 'u';
    return true;
}

bool is_ieee_float(const Host& host, Id type, size_t size) {
    if (size != 2 && size != 4 && size != 8) return false;
    size_t sign, exponent, exponent_bits, mantissa, mantissa_bits;
    if (host.H5Tget_precision(type) != 8 * size || host.H5Tget_offset(type) != 0 || host.H5Tget_norm(type) != 0 ||
        host.H5Tget_fields(type, &sign, &exponent, &exponent_bits, &mantissa, &mantissa_bits) < 0) {
        return false;
    }
    size_t bits = size == 2 ? 10 : size == 4 ? 23 : 52;
    return mantissa == 0 && mantissa_bits == bits && exponent == bits && sign == 8 * size - 1 &&
           exponent_bits == sign - bits && host.H5Tget_ebias(type) == (size_t(1) << (exponent_bits - 1)) - 1;
}

struct Finder {
    const Host& host;
    std::vector<baler_field> found{};

    void number(Id type, size_t offset, uint64_t elements) {
        baler_field f{};
        if (host.H5Tget_class(type) == kClassEnum) {
            Handle base(host.H5Tget_super(type), host.H5Tclose);
            if (base < 0 || !describe_number(host, base, f)) return;
        } else if (!describe_number(host, type, f)) {
            return;
        }
        if (offset + elements * f.itemsize > 65535) return;
        f.offset = static_cast<uint32_t>(offset);
        f.elements = static_cast<uint32_t>(elements);
        found.push_back(f);
    }

    void array(Id type, size_t offset) {
        Size dims[BALER_MAX_NDIM] = {};
        Handle base(host.H5Tget_super(type), host.H5Tclose);
        int ndim = host.H5Tget_array_ndims(type);
        if (base < 0 || ndim < 1 || ndim > BALER_MAX_NDIM || host.H5Tget_array_dims2(type, dims) < 0) return;
        uint64_t elements = 1;
        for (int i = 0; i < ndim; i++) {
            if (dims[i] == 0 || dims[i] > 65535 / elements) return;
            elements *= dims[i];
        }
        number(base, offset, elements);
    }

    void compound(Id type, size_t offset, int depth) {
        int n = host.H5Tget_nmembers(type);
        for (int i = 0; i < n; i++) {
            auto at = static_cast<unsigned>(i);
            Handle member(host.H5Tget_member_type(type, at), host.H5Tclose);
            if (member < 0) continue;
            size_t place = offset + host.H5Tget_member_offset(type, at);
            int type_class = host.H5Tget_class(member);
            if (type_class == kClassCompound && depth < kMaxDepth) compound(member, place, depth + 1);
            else if (type_class == kClassArray) array(member, place);
            else number(member, place, 1);
        }
    }
};

}  // namespace

bool describe_number(const Host& host, Id type, baler_field& field) {
    int type_class = host.H5Tget_class(type);
    size_t size = host.H5Tget_size(type);
    char kind = 'f';
    if (!(type_class == kClassInteger && is_plain_integer(host, type, size, &kind)) &&
        !(type_class == kClassFloat && is_ieee_float(host, type, size))) {
        return false;
    }
    int order = host.H5Tget_order(type);
    if (order != kOrderLittle && order != kOrderBig) return false;
    field.kind = kind;
    field.big_endian = order == kOrderBig && size > 1;
    field.itemsize = static_cast<uint32_t>(size);
    return true;
}

std::vector<baler_field> record_numbers(const Host& host, Id type) {
    Finder finder{host};
    switch (host.H5Tget_class(type)) {
        case kClassCompound: finder.compound(type, 0, 0); break;
        case kClassArray: finder.array(type, 0); break;
        case kClassEnum: finder.number(type, 0, 1); break;
        default: break;
    }
    std::sort(finder.found.begin(), finder.found.end(),
              [](const baler_field& a, const baler_field& b) { return a.offset < b.offset; });
    return std::move(finder.found);
}

}  // namespace baler::h5
