// For tests: a frame in model mode whatever its size, where the library itself would keep the smallest candidate.
#include <cstring>

#include "coders.h"
#include "exceptions.h"
#include "frame.h"
#include "split.h"

// 0 or the length of the text in out; *written bytes of frame, or of text, are in out.
extern "C" BALER_API int model_mode_encode(const void* model_bytes, size_t model_size, const baler_array* array, const void* data,
                                           const int32_t* latents, void* out, size_t capacity, size_t* written) {
    using namespace baler;
    try {
        const auto model = parse_model(static_cast<const uint8_t*>(model_bytes), model_size);
        const Layout layout(*array);
        std::vector<uint8_t> copy;
        const void* native = native_values(*array, data, copy);
        std::vector<Lattice> lattices;
        for (size_t c = 0; c < layout.columns; c++) lattices.push_back(model->lattice(dtype_of(*array), c));
        std::vector<ColumnExceptions> exceptions;
        const Table table = split(layout, lattices, array->itemsize, native, &exceptions);
        ByteWriter payload;
        write_exceptions(exceptions, array->itemsize, payload);
        model_encode(*model, table, latents, payload);
        Header header;
        header.array = *array;
        header.mode = BALER_MODE_MODEL;
        header.has_model = true;
        header.model_id = model->id;
        for (const auto& e : exceptions) header.n_exceptions += e.count;
        const auto frame = write_frame(header, payload.bytes.data(), payload.bytes.size());
        if (frame.size() > capacity) fail(BALER_ERR_BUFFER, "%zu bytes do not fit", frame.size());
        std::memcpy(out, frame.data(), frame.size());
        *written = frame.size();
        return 0;
    } catch (const Failure& f) {
        *written = std::min(capacity, f.text.size());
        std::memcpy(out, f.text.data(), *written);
        return f.code;
    }
}
