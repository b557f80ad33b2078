#include "model.h"

#include <cmath>
#include <cstring>

#include "bytes.h"
#include "coders.h"
#include "grid_net.h"
#include "patches.h"
#include "sha256.h"
#include "table_model.h"

namespace baler {

namespace {

constexpr char kMagic[9] = "BALERMDL";
constexpr size_t kMaxModel = size_t(16) << 20, kMaxMeta = size_t(64) << 10;
constexpr uint32_t kVersion = 1, kMaxBounds = 1024;

ByteReader section(ByteReader& in, const char* tag) {
    if (std::memcmp(in.raw(4), tag, 4) != 0) in.damaged("its sections are not those of a model, in their order");
    return in.sub(in.u64(), tag);
}

// The table section, as it is (TABL) or packed by the byte coder (TABZ).
std::shared_ptr<const TableModel> read_table(ByteReader& in) {
    const uint8_t* tag = in.raw(4);
    if (std::memcmp(tag, "TABZ", 4) != 0) {
        if (std::memcmp(tag, "TABL", 4) != 0) in.damaged("its sections are not those of a model, in their order");
        ByteReader plain = in.sub(in.u64(), "TABL");
        return parse_table_model(plain);
    }
    ByteReader packed = in.sub(in.u64(), "TABZ");
    const uint16_t columns = packed.u16(), latents = packed.u16();
    const uint32_t size = packed.u32();
    if (size < 4 || size > kMaxModel) packed.damaged("it unpacks to an impossible size");
    std::vector<uint8_t> raw(size);
    bytes_decode(packed, raw.data(), size, 1);
    packed.finish();
    ByteReader plain(raw.data(), size, "TABL");
    auto table = parse_table_model(plain);
    if (table->columns != columns || table->latents != latents) in.damaged("a packed table says another shape than it has");
    return table;
}

bool next_is(const ByteReader& in, const char* tag) {
    ByteReader look = in;
    return look.left() >= 4 && std::memcmp(look.raw(4), tag, 4) == 0;
}

// Fields of records, with the bounds that were read before.
std::shared_ptr<const Record> read_record(ByteReader in, const std::vector<Bound>& bounds) {
    const uint16_t itemsize = in.u16();
    if (itemsize == 0) in.damaged("its records have no bytes");
    auto record = std::make_shared<Record>(read_fields(in, itemsize, false));
    in.finish();
    if (bounds.size() != 1 && bounds.size() != record->fields.size())
        in.damaged("it has as many bounds as neither one nor its fields");
    for (size_t i = 0; i < record->fields.size(); i++) {
        Field& f = record->fields[i];
        const Bound& bound = bounds[bounds.size() == 1 ? 0 : i];
        if (bound.kind == BALER_BOUND_LATENT || (bound.kind == BALER_BOUND_PW_REL && bound.value >= 1))
            in.damaged("a field has an impossible bound");
        if (f.number()) f.bound = bound;
    }
    return record;
}

// What is shown to people must at least be text.
bool is_utf8(const uint8_t* p, size_t n) {
    for (size_t i = 0; i < n;) {
        const uint8_t b = p[i++];
        if (b < 0x80) continue;
        const size_t more = b >= 0xf0 ? 3 : b >= 0xe0 ? 2 : 1;
        if (b < 0xc2 || b > 0xf4 || n - i < more) return false;
        const uint8_t least = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80, most = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
        if (p[i] < least || p[i] > most) return false;
        for (size_t j = 1; j < more; j++)
            if ((p[i + j] & 0xc0) != 0x80) return false;
        i += more;
    }
    return true;
}

std::vector<Bound> read_bounds(ByteReader in) {
    const uint32_t n = in.u32();
    if (n < 1 || n > kMaxBounds || in.left() != size_t(n) * 9) in.damaged("it has an impossible number of bounds");
    std::vector<Bound> bounds(n);
    for (Bound& b : bounds) {
        b.kind = in.u8();
        b.value = in.f64();
        if (b.kind > BALER_BOUND_LATENT) in.damaged("a bound has an unknown kind");
        const bool valued = b.kind == BALER_BOUND_ABS || b.kind == BALER_BOUND_PW_REL;
        const bool too_wide = b.kind == BALER_BOUND_PW_REL && b.value >= 1;
        if (too_wide || (valued ? !(std::isfinite(b.value) && b.value > 0) : b.value != 0 || std::signbit(b.value)))
            in.damaged("a bound's value is impossible");
        if ((b.kind == BALER_BOUND_LATENT) != (bounds[0].kind == BALER_BOUND_LATENT))
            in.damaged("the bound latent holds for all columns or for none");
    }
    return bounds;
}

}  // namespace

uint32_t Model::n_columns() const {
    if (patch) return 0;
    if (table) return table->columns;
    if (record) return static_cast<uint32_t>(record->fields.size());
    return bounds.size() == 1 ? 0 : static_cast<uint32_t>(bounds.size());
}

uint32_t Model::n_latents() const { return table ? table->latents : 0; }

Lattice Model::lattice(DType dtype, size_t column) const {
    Bound bound = bounds[bounds.size() == 1 ? 0 : column];
    if (bound.kind == BALER_BOUND_LATENT) bound = Bound{};  // exact everywhere but in latent-only frames
    if (!table || patch) return Lattice(dtype, bound);
    return Lattice(dtype, bound, table->variables[column].unit, table->variables[column].noise);
}

std::vector<uint8_t> record_model(const Record& record) {
    ByteWriter bounds, fields, file;
    bool same = true;
    for (const Field& f : record.fields)
        same &= f.bound.kind == record.fields[0].bound.kind && f.bound.value == record.fields[0].bound.value;
    const size_t n = same ? 1 : record.fields.size();
    bounds.u32(static_cast<uint32_t>(n));
    for (size_t i = 0; i < n; i++) {
        bounds.u8(static_cast<uint8_t>(record.fields[i].bound.kind));
        bounds.f64(record.fields[i].bound.value);
    }
    fields.u16(static_cast<uint16_t>(record.itemsize));
    write_fields(record, false, fields);
    file.raw(kMagic, 8);
    file.u32(kVersion);
    file.u32(3);
    const auto add = [&](const char* tag, const std::vector<uint8_t>& content) {
        file.raw(tag, 4);
        file.u64(content.size());
        file.raw(content.data(), content.size());
    };
    add("META", {'{', '}'});
    add("BNDS", bounds.bytes);
    add("RECD", fields.bytes);
    return std::move(file.bytes);
}

std::shared_ptr<const Model> parse_model(const uint8_t* bytes, size_t size) {
    if (size > kMaxModel) fail(BALER_ERR_CORRUPT, "model file of %zu bytes is larger than a model can be", size);
    ByteReader in(bytes, size, "model file");
    if (std::memcmp(in.raw(8), kMagic, 8) != 0) in.damaged("it does not begin like a model");
    const uint32_t version = in.u32();
    if (version != kVersion)
        fail(BALER_ERR_VERSION, "model file has version %u; this library knows version %u", version, kVersion);
    const uint32_t sections = in.u32();
    if (sections != 2 && sections != 3) in.damaged("it has an impossible number of sections");
    auto model = std::make_shared<Model>();
    ByteReader meta = section(in, "META");
    const size_t n_meta = meta.left();
    const uint8_t* text = meta.raw(n_meta);
    if (n_meta < 2 || n_meta > kMaxMeta || text[0] != '{' || text[n_meta - 1] != '}' || !is_utf8(text, n_meta))
        meta.damaged("it is not a JSON object of at most 64 KiB");
    model->bounds = read_bounds(section(in, "BNDS"));
    if (sections == 3 && next_is(in, "RECD")) {
        model->record = read_record(section(in, "RECD"), model->bounds);
    } else if (sections == 3 && next_is(in, "GRID")) {
        ByteReader grid = section(in, "GRID");
        model->grid = parse_grid_model(grid);
        if (model->bounds.size() != 1) in.damaged("a model for grids has one bound");
    } else if (sections == 3 && next_is(in, "PTCH")) {
        ByteReader patches = section(in, "PTCH");
        model->patch = parse_patch_model(patches, model->table);
        if (model->bounds.size() != 1 || !model->latent_only()) in.damaged("a model of patches has one bound, latent");
    } else if (sections == 3) {
        model->table = read_table(in);
        if (model->bounds.size() != 1 && model->bounds.size() != model->table->columns)
            in.damaged("it has as many bounds as neither one nor its columns");
    }
    in.finish();
    if (model->latent_only() && model->n_latents() == 0) in.damaged("the bound latent needs an encoder and a decoder network");
    model->bytes.assign(bytes, bytes + size);
    model->id = sha256(bytes, size);
    return model;
}

}  // namespace baler
