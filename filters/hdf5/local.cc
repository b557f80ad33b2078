#include "local.h"

#include <string>

#include "embed.h"
#include "failure.h"
#include "lookup.h"
#include "number_type.h"
#include "params.h"

namespace baler::h5 {

namespace {

void describe_type(const Host& host, Id type, Params& p) {
    size_t size = host.H5Tget_size(type);
    p.kind = 'V';
    p.big_endian = false;
    p.itemsize = static_cast<uint32_t>(size);
    baler_field number{};
    if (describe_number(host, type, number)) {
        p.kind = number.kind;
        p.big_endian = number.big_endian;
    } else if (size == 0 || size > 65535) {
        p.kind = 0;
        p.itemsize = 1;
    }
}

void forget_shape(Params& p) {
    p.kind = 0;
    p.itemsize = 1;
    p.ndim = 0;
    p.big_endian = false;
}

void describe_chunk(const Host& host, Id dcpl, Params& p) {
    Size dims[BALER_MAX_NDIM] = {};
    int ndim = host.H5Pget_chunk(dcpl, BALER_MAX_NDIM, dims);
    if (ndim < 0 || ndim > BALER_MAX_NDIM) fail(BALER_ERR_ARGUMENT, "the dataset is not chunked, which a filter needs");
    p.ndim = static_cast<uint32_t>(ndim);
    for (int i = 0; i < ndim; i++) {
        if (dims[i] > 0xffffffffu) return forget_shape(p);
        p.dims[i] = static_cast<uint32_t>(dims[i]);
    }
    if (p.chunk_bytes() == 0) forget_shape(p);
}

// Filters before this one hand us their bytes, not the numbers.
int filter_before(const Host& host, Id dcpl) {
    int n = host.H5Pget_nfilters(dcpl);
    int before = -1;
    for (int i = 0; i < n; i++) {
        unsigned flags = 0;
        size_t words = 0;
        int id = host.H5Pget_filter2(dcpl, static_cast<unsigned>(i), &flags, &words, nullptr, 0, nullptr, nullptr);
        if (id == BALER_FILTER_ID) return before;
        before = id;
    }
    return -1;
}

const char* filter_name(int id) {
    static const char* const names[] = {"", "gzip", "shuffle", "fletcher32", "szip", "nbit", "scaleoffset"};
    return id >= 1 && id <= 6 ? names[id] : "another filter";
}

void check_columns(const Params& p, const baler_model* model) {
    if (uint32_t bytes = baler_model_record(model)) {
        fail(BALER_ERR_ARGUMENT, "the model is for records of %u bytes, but the dataset holds plain numbers", bytes);
    }
    uint32_t columns = 0, latents = 0;
    baler_model_shape(model, &columns, &latents);
    if (!columns) return;
    uint64_t got = p.ndim == 2 ? p.dims[1] : 1;
    if (p.ndim < 1 || p.ndim > 2 || got != columns) {
        std::string chunk;
        for (uint32_t i = 0; i < p.ndim; i++) chunk += (i ? ", " : "") + std::to_string(p.dims[i]);
        fail(BALER_ERR_ARGUMENT,
             "the model is for tables of %u columns, but the chunks are (%s): they must be (rows, %u), with all "
             "columns in every chunk",
             columns, chunk.c_str(), columns);
    }
}

// A bound must never be applied to bytes that are other numbers than the model believes.
void check_record(const Host& host, Id type, const Params& p, const baler_model* model) {
    uint32_t bytes = baler_model_record(model);
    if (bytes != p.itemsize) {
        fail(BALER_ERR_ARGUMENT, "the model is for records of %u bytes, but the dataset's items have %u", bytes,
             p.itemsize);
    }
    size_t n = 0;
    baler_model_fields(model, nullptr, 0, &n);
    std::vector<baler_field> fields(n);
    baler_model_fields(model, fields.data(), n, &n);
    const std::vector<baler_field> there = record_numbers(host, type);
    for (const baler_field& f : fields) {
        if (f.bound_kind == BALER_BOUND_EXACT) continue;
        bool same = false;
        for (const baler_field& g : there) {
            same |= f.offset == g.offset && f.kind == g.kind && f.itemsize == g.itemsize &&
                    f.elements == g.elements && f.big_endian == g.big_endian;
        }
        if (!same) {
            fail(BALER_ERR_ARGUMENT,
                 "the model has a field of %u numbers of type %c%u at byte %u, with a bound, where the dataset's type "
                 "has something else",
                 f.elements, f.kind, f.itemsize, f.offset);
        }
    }
}

}  // namespace

bool is_variable_length(const Host& host, Id type) {
    int type_class = host.H5Tget_class(type);
    return type_class == kClassVlen || (type_class == kClassString && host.H5Tis_variable_str(type) > 0);
}

void localise(const Host& host, Id dcpl, Id type) {
    unsigned words[kMaxWords] = {};
    size_t n = kMaxWords;
    unsigned flags = 0;
    if (host.H5Pget_filter_by_id2(dcpl, BALER_FILTER_ID, &flags, &n, words, 0, nullptr, nullptr) < 0) {
        fail(BALER_ERR_ARGUMENT, "HDF5 does not give back the filter's parameters");
    }
    if (is_variable_length(host, type)) fail(BALER_ERR_UNSUPPORTED, "%s", kVariableLength);
    Params p = parse_params(words, n < kMaxWords ? n : kMaxWords);
    uint64_t old_address = p.model_address, old_length = p.model_length;
    p.local = true;
    p.model_address = 0;
    p.model_length = 0;
    describe_type(host, type, p);
    bool numbers = p.kind == 'f' || p.kind == 'i' || p.kind == 'u';
    describe_chunk(host, dcpl, p);
    p.fields.clear();
    if (p.kind == 'V' && !p.has_model) p.fields = record_numbers(host, type);
    int before = filter_before(host, dcpl);
    if (before >= 0) {
        if (numbers && p.lossy()) {
            fail(BALER_ERR_ARGUMENT,
                 "%s (filter %d) comes before baler and leaves it no numbers to which an error bound could apply: "
                 "create the dataset without it",
                 filter_name(before), before);
        }
        forget_shape(p);
    }
    if (p.has_model && (numbers || p.kind == 'V')) {
        std::string why;
        const baler_model* model = find_model(host, p.model, old_address, old_length, true, why);
        if (!model) throw missing(p.model, why);
        const bool records = p.kind == 'V' && baler_model_record(model);
        if (numbers) check_columns(p, model);
        if (records) check_record(host, type, p, model);
        if (numbers || records) embed_model(host, p.model, model, &p.model_address, &p.model_length);
    }
    n = write_params(p, words);
    if (host.H5Pmodify_filter(dcpl, BALER_FILTER_ID, flags, n, words) < 0) {
        fail(BALER_ERR_ARGUMENT, "HDF5 does not take the filter's parameters");
    }
}

}  // namespace baler::h5
