// Targets of libFuzzer: BALER_FUZZ is 1 for baler_decode, 2 for baler_frame_info and baler_frame_fields, 3 for
// baler_model_open. BALER_FUZZ_MODELS names a directory of models that the frames may want.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "baler.h"
#include "crc32.h"

using Bytes = std::vector<uint8_t>;

#if BALER_FUZZ == 1

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    if (const char* folder = std::getenv("BALER_FUZZ_MODELS"))
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            std::ifstream file(entry.path(), std::ios::binary);
            const Bytes model(std::istreambuf_iterator<char>(file), {});
            if (baler_cache_add(model.data(), model.size(), nullptr)) std::abort();
        }
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 4) return 0;
    // a CRC that fits, else nothing behind it would ever be reached
    Bytes frame(data, data + size);
    const uint32_t crc = baler::crc32(frame.data(), size - 4);
    for (size_t i = 0; i < 4; i++) frame[size - 4 + i] = static_cast<uint8_t>(crc >> (8 * i));
    baler_frame info;
    if (baler_frame_info(frame.data(), size, 0, &info) || info.nbytes > 1 << 18) return 0;
    baler_model* model = info.has_model ? baler_cache_get(info.model_id) : nullptr;
    Bytes out(info.nbytes);
    baler_decode(frame.data(), size, model, out.data(), out.size());
    baler_model_release(model);
    return 0;
}

#elif BALER_FUZZ == 2

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    baler_frame info;
    for (int verify : {0, 1}) baler_frame_info(data, size, verify, &info);
    std::vector<baler_field> fields(1024);
    size_t n = 0;
    if (baler_frame_fields(data, size, fields.data(), fields.size(), &n) == 0 && n > 0) {
        baler_model* model = nullptr;
        if (n <= fields.size() && baler_model_of_fields(fields.data(), n, info.array.itemsize, &model) == 0)
            baler_model_release(model);
    }
    return 0;
}

#else

// A model that was accepted codes any table.
static void use(const baler_model* model) {
    uint32_t columns = 0, latents = 0;
    baler_model_shape(model, &columns, &latents);
    baler_array array{};
    array.kind = 'f';
    array.itemsize = 4;
    array.ndim = 2;
    array.shape[0] = 11;
    array.shape[1] = columns ? columns : 3;
    if (const uint32_t record = baler_model_record(model)) {
        array.kind = 'V';
        array.itemsize = record;
        array.ndim = 1;
    }
    const size_t items = 11 * (array.ndim == 2 ? static_cast<size_t>(array.shape[1]) : 1);
    if (items * array.itemsize > 1 << 16) return;
    Bytes raw(items * array.itemsize), frame(baler_encode_bound(&array)), back(raw.size());
    for (size_t i = 0; i < raw.size(); i++) raw[i] = static_cast<uint8_t>(i * 37 ^ i >> 3);
    baler_settings settings{};
    settings.model = model;
    settings.stable = 1;
    size_t size = 0;
    if (baler_encode(&array, raw.data(), &settings, frame.data(), frame.size(), &size)) return;
    if (baler_decode(frame.data(), size, model, back.data(), back.size())) std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    baler_model* model = nullptr;
    if (baler_model_open(data, size, &model)) return 0;
    use(model);
    baler_model_release(model);
    return 0;
}

#endif
