#include "patches.h"

#include <algorithm>

#include "coders.h"
#include "latents.h"
#include "table_model.h"

namespace baler {

namespace {

constexpr uint32_t kMaxCells = 1024;
constexpr size_t kRowsAtOnce = 512;  // patches overlap the chunk's edges: all at once could be far more than the chunk

// Where the cells of every patch lie in memory.
class Places {
  public:
    Places(const PatchShape& shape, const baler_array& array) : shape_(shape) {
        const size_t axes = shape.extents.size(), ndim = array.ndim;
        std::vector<size_t> strides(ndim);
        size_t stride = 1;
        for (size_t i = 0; i < ndim; i++) {
            const size_t a = array.fortran ? i : ndim - 1 - i;
            strides[a] = stride;
            stride *= static_cast<size_t>(array.shape[a]);
        }
        for (size_t a = 0; a < ndim; a++) {
            const auto n = static_cast<size_t>(array.shape[a]);
            if (a + axes < ndim) {
                frame_axes_.push_back({n, strides[a]});
                frames_ *= n;
            } else {
                const size_t extent = shape.extents[a + axes - ndim];
                axes_.push_back({n, strides[a]});
                tiles_.push_back((n + extent - 1) / extent);
                tiles_of_a_frame_ *= tiles_.back();
            }
        }
    }
    size_t rows() const { return frames_ * tiles_of_a_frame_; }

    // Cells behind the edge have the place of the last one before it.
    void of(size_t row, size_t* place) const {
        size_t frame = shape_.frames_fastest ? row % frames_ : row / tiles_of_a_frame_;
        size_t tile = shape_.frames_fastest ? row / frames_ : row % tiles_of_a_frame_;
        size_t start[4];
        for (size_t d = axes_.size(); d-- > 0; tile /= tiles_[d]) start[d] = tile % tiles_[d] * shape_.extents[d];
        place[0] = 0;
        for (size_t d = frame_axes_.size(); d-- > 0; frame /= frame_axes_[d].n)
            place[0] += frame % frame_axes_[d].n * frame_axes_[d].stride;
        size_t n = 1;
        for (size_t d = 0; d < axes_.size(); n *= shape_.extents[d], d++) {
            const size_t extent = shape_.extents[d];
            for (size_t i = n; i-- > 0;) {
                const size_t base = place[i];
                for (size_t j = extent; j-- > 0;)
                    place[i * extent + j] = base + std::min(start[d] + j, axes_[d].n - 1) * axes_[d].stride;
            }
        }
    }

  private:
    struct Axis {
        size_t n, stride;
    };
    const PatchShape& shape_;
    std::vector<Axis> frame_axes_, axes_;
    std::vector<size_t> tiles_;
    size_t frames_ = 1, tiles_of_a_frame_ = 1;
};

}  // namespace

std::shared_ptr<const PatchShape> parse_patch_model(ByteReader& in, std::shared_ptr<const TableModel>& table) {
    auto shape = std::make_shared<PatchShape>();
    const uint16_t latents = in.u16();
    const uint8_t axes = in.u8(), order = in.u8();
    if (axes < 1 || axes > 4 || order > 1) in.damaged("its patches have an impossible number of axes or order");
    shape->frames_fastest = order;
    for (uint8_t i = 0; i < axes; i++) {
        const uint16_t extent = in.u16();
        if (extent < 1 || extent > kMaxCells / shape->cells) in.damaged("its patches have an impossible extent");
        shape->extents.push_back(extent);
        shape->cells *= extent;
    }
    table = parse_shared_table(in, shape->cells, latents);
    return shape;
}

size_t patch_rows(const PatchShape& shape, const baler_array& array) { return Places(shape, array).rows(); }

void patch_latents(const Model& model, const baler_array& array, const std::vector<double>& values, int32_t* out) {
    const TableModel& table = *model.table;
    const auto prepared = prepare(model, DType{'f', 4}, true);
    const Places places(*model.patch, array);
    std::vector<size_t> place(model.patch->cells);
    std::vector<std::vector<double>> columns(place.size(), std::vector<double>(kRowsAtOnce));
    for (size_t first = 0, rows = places.rows(); first < rows; first += kRowsAtOnce) {
        const size_t n = std::min(kRowsAtOnce, rows - first);
        for (size_t i = 0; i < n; i++) {
            places.of(first + i, place.data());
            for (size_t c = 0; c < place.size(); c++) columns[c][i] = values[place[c]];
        }
        encode_latents(table, *prepared, columns, n, out + first * table.latents);
    }
}

void patch_encode(const Model& model, const baler_array& array, const std::vector<double>& values,
                  const int32_t* latents, ByteWriter& out) {
    const size_t rows = patch_rows(*model.patch, array), n = model.n_latents();
    std::vector<int32_t> own;
    if (!latents) {
        own.resize(rows * n);
        patch_latents(model, array, values, own.data());
        latents = own.data();
    }
    size_t coded = rows;
    while (coded > 1 && std::equal(latents + (coded - 1) * n, latents + coded * n, latents + (coded - 2) * n)) coded--;
    write_latents(model, coded, latents, out);
}

void patch_decode(const Model& model, const baler_array& array, std::vector<double>& values, ByteReader& in) {
    const TableModel& table = *model.table;
    const auto prepared = prepare(model, DType{'f', 4}, true);
    const Places places(*model.patch, array);
    const std::vector<std::vector<int64_t>> latents = read_latents(model, places.rows(), in);
    const size_t coded = latents[0].size();
    std::vector<size_t> place(model.patch->cells);
    std::vector<std::vector<int64_t>> some(table.latents);
    std::vector<std::vector<double>> columns(place.size(), std::vector<double>(kRowsAtOnce));
    for (size_t first = 0, rows = places.rows(); first < rows; first += kRowsAtOnce) {
        const size_t n = std::min(kRowsAtOnce, rows - first);
        for (size_t l = 0; l < some.size(); l++) {
            some[l].resize(n);
            for (size_t i = 0; i < n; i++) some[l][i] = latents[l][std::min(first + i, coded - 1)];
        }
        decode_latents(table, *prepared, some.data(), n, columns);
        for (size_t i = 0; i < n; i++) {
            places.of(first + i, place.data());
            // from the last cell on: what lies behind an edge makes way for what stands there
            for (size_t c = place.size(); c-- > 0;) values[place[c]] = columns[c][i];
        }
    }
}

}  // namespace baler
