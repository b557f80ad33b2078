// Decodes and encodes what a list names and prints what came out, so that builds can be compared that no Python runs on.
//
//     driver list DIRECTORY [plain|flush|down|up|zero]     the host's floating-point state
//     driver damage DIRECTORY [STEP]                       frames with every STEP-th byte changed, or cut there
//     driver repeat DIRECTORY NAME N                       one line of the list, N times, silently
//
// DIRECTORY/list has lines of words; `-` is none:
//     decode NAME FRAME MODEL
//     encode NAME FRAME MODEL LATENTS RAW KIND BIG FORTRAN ITEMSIZE STABLE BOUND_KIND BOUND NDIM SHAPE…
// BOUND is the bits of a double in hexadecimal. `encode` writes its frame to the file FRAME.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "baler.h"
#include "host_state.h"

namespace {

using Bytes = std::vector<uint8_t>;

struct Refused {
    int code;
};

std::string folder;
HostState::Kind state = HostState::plain;

[[noreturn]] void give_up(const std::string& why) {
    std::fprintf(stderr, "driver: %s\n", why.c_str());
    std::exit(2);
}

Bytes read(const std::string& name) {
    std::ifstream file(folder + name, std::ios::binary);
    if (!file) give_up("cannot read " + folder + name);
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

// A call of the library in the host's state, which must be found again behind it.
template <class Call>
void call(Call&& work) {
    HostState::set(state);
    const uint64_t before = HostState::get();
    const int code = work();
    const uint64_t after = HostState::get();
    HostState::set(HostState::plain);
    if (before != after) give_up("the library changed the host's floating-point state");
    if (code) throw Refused{code};
}

std::string sha256(const Bytes& bytes) {
    uint8_t digest[32];
    baler_sha256(bytes.data(), bytes.size(), digest);
    std::string text;
    for (uint8_t b : digest) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", b);
        text += two;
    }
    return text;
}

using Model = std::unique_ptr<baler_model, void (*)(baler_model*)>;

Model open_model(const Bytes& bytes) {
    baler_model* model = nullptr;
    call([&] { return baler_model_open(bytes.data(), bytes.size(), &model); });
    return Model(model, baler_model_release);
}

Model model_named(const std::string& name) {
    return name == "-" ? Model(nullptr, baler_model_release) : open_model(read(name));
}

baler_frame about(const Bytes& frame) {
    baler_frame info;
    call([&] { return baler_frame_info(frame.data(), frame.size(), 0, &info); });
    return info;
}

Bytes decode(const Bytes& frame, const baler_model* model) {
    const baler_frame info = about(frame);
    if (info.nbytes > size_t(1) << 24) throw Refused{-1};  // only damage claims that much
    Bytes values(static_cast<size_t>(info.nbytes));
    call([&] { return baler_decode(frame.data(), frame.size(), model, values.data(), values.size()); });
    return values;
}

Bytes encode(const baler_array& array, const Bytes& raw, const baler_settings& settings) {
    Bytes frame(baler_encode_bound(&array));
    size_t size = 0;
    call([&] { return baler_encode(&array, raw.data(), &settings, frame.data(), frame.size(), &size); });
    frame.resize(size);
    return frame;
}

// The model that records were written with is what their frame says of its fields.
Model model_of_fields(const Bytes& frame, const baler_array& array) {
    baler_field fields[1024];
    size_t n = 0;
    call([&] { return baler_frame_fields(frame.data(), frame.size(), fields, 1024, &n); });
    baler_model* model = nullptr;
    call([&] { return baler_model_of_fields(fields, n, array.itemsize, &model); });
    return Model(model, baler_model_release);
}

Bytes encode_again(const Bytes& frame, const Bytes& values, const baler_model* model) {
    const baler_frame info = about(frame);
    Model own(nullptr, baler_model_release);
    if (info.mode == BALER_MODE_FIELDS) own = model_of_fields(frame, info.array);
    baler_settings settings{};
    settings.model = own ? own.get() : model;
    settings.bound_kind = info.bound_kind;
    settings.bound = info.bound;
    settings.stable = info.stable;
    return encode(info.array, values, settings);
}

std::string decoded(std::istream& line) {
    std::string frame_name, model_name;
    line >> frame_name >> model_name;
    const Bytes frame = read(frame_name);
    const Model model = model_named(model_name);
    const Bytes values = decode(frame, model.get());
    std::string text = "values=" + sha256(values);
    return text + " again=" + sha256(encode_again(frame, values, model.get()));
}

std::string encoded(std::istream& line) {
    std::string frame_name, model_name, latents_name, raw_name;
    char kind;
    int big, fortran, ndim;
    uint64_t bits;
    baler_array array{};
    baler_settings settings{};
    line >> frame_name >> model_name >> latents_name >> raw_name >> kind >> big >> fortran >> array.itemsize;
    line >> settings.stable >> settings.bound_kind >> std::hex >> bits >> std::dec >> ndim;
    array.kind = kind;
    array.big_endian = big != 0;
    array.fortran = fortran != 0;
    array.ndim = static_cast<uint8_t>(ndim);
    for (int i = 0; i < ndim; i++) line >> array.shape[i];
    if (!line) give_up("a line of the list is not what it should be");
    std::memcpy(&settings.bound, &bits, 8);
    const Model model = model_named(model_name);
    settings.model = model.get();
    std::vector<int32_t> latents;
    if (latents_name != "-") {
        const Bytes bytes = read(latents_name);  // little-endian
        for (size_t i = 0; i + 4 <= bytes.size(); i += 4)
            latents.push_back(static_cast<int32_t>(uint32_t(bytes[i]) | uint32_t(bytes[i + 1]) << 8 |
                                                   uint32_t(bytes[i + 2]) << 16 | uint32_t(bytes[i + 3]) << 24));
        settings.latents = latents.data();
        settings.n_latents = latents.size();
    }
    const Bytes frame = encode(array, read(raw_name), settings);
    std::ofstream(folder + frame_name, std::ios::binary)
        .write(reinterpret_cast<const char*>(frame.data()), static_cast<std::streamsize>(frame.size()));
    // another encoder may choose another frame: its values must be these as well
    return "frame=" + sha256(frame) + " values=" + sha256(decode(frame, model.get()));
}

std::string run(const std::string& what, std::istream& rest) {
    try {
        return what == "decode" ? decoded(rest) : what == "encode" ? encoded(rest) : "unknown";
    } catch (const Refused& r) {
        return "error=" + std::to_string(r.code) + " " + baler_last_error();
    }
}

template <class Work>
void each_line(Work&& work) {
    std::ifstream list(folder + "list");
    if (!list) give_up("no list in " + folder);
    for (std::string text; std::getline(list, text);) {
        std::istringstream line(text);
        std::string what, name;
        line >> what >> name;
        work(what, name, line);
    }
}

uint32_t crc32(const uint8_t* p, size_t n) {
    uint32_t c = 0xFFFFFFFF;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int bit = 0; bit < 8; bit++) c = c >> 1 ^ (0xEDB88320 & (0 - (c & 1)));
    }
    return ~c;
}

// As a malicious writer would make it: the CRC fits.
Bytes sealed(Bytes frame) {
    if (frame.size() < 4) return frame;
    const uint32_t crc = crc32(frame.data(), frame.size() - 4);
    for (size_t i = 0; i < 4; i++) frame[frame.size() - 4 + i] = static_cast<uint8_t>(crc >> (8 * i));
    return frame;
}

// One sha256 over what becomes of all damaged frames: codes of errors and values.
void damaged(const std::string& name, std::istream& line, size_t step) {
    std::string frame_name, model_name;
    line >> frame_name >> model_name;
    const Bytes frame = read(frame_name);
    const Model model = model_named(model_name);
    Bytes outcomes;
    size_t tried = 0, refused = 0;
    auto attempt = [&](const Bytes& bytes) {
        tried++;
        try {
            for (uint8_t v : decode(bytes, model.get())) outcomes.push_back(v);
        } catch (const Refused& r) {
            refused++;
            outcomes.push_back(static_cast<uint8_t>(r.code));
        }
        if (outcomes.size() > 1 << 20) {
            uint8_t digest[32];
            baler_sha256(outcomes.data(), outcomes.size(), digest);
            outcomes.assign(digest, digest + 32);
        }
    };
    for (size_t i = 0; i < frame.size(); i += step) {
        for (uint8_t change : {uint8_t(1), uint8_t(0x80), uint8_t(0xff)}) {
            Bytes other = frame;
            other[i] ^= change;
            attempt(sealed(std::move(other)));
        }
        attempt(sealed(Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(i))));
    }
    std::printf("damage %s tried=%zu refused=%zu outcomes=%s\n", name.c_str(), tried, refused, sha256(outcomes).c_str());
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) give_up("what, and the directory");
    const std::string task = argv[1];
    folder = std::string(argv[2]) + "/";
    if (task == "list") {
        state = argc > 3 ? HostState::kind_of(argv[3]) : HostState::plain;
        if (state == HostState::unknown) give_up("unknown state");
        const bool there = HostState::set(state);
        HostState::set(HostState::plain);
        if (!there) return std::puts("no such state here"), 0;
        each_line([](const std::string& what, const std::string& name, std::istream& rest) {
            std::printf("%s %s %s\n", what.c_str(), name.c_str(), run(what, rest).c_str());
        });
    } else if (task == "damage") {
        const size_t step = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1;
        each_line([&](const std::string& what, const std::string& name, std::istream& rest) {
            if (what == "decode") damaged(name, rest, step ? step : 1);
        });
    } else if (task == "repeat" && argc == 5) {
        each_line([&](const std::string& what, const std::string& name, std::istream& rest) {
            if (name != argv[3]) return;
            std::string line(std::istreambuf_iterator<char>(rest), {});
            for (int i = std::atoi(argv[4]); i > 0; i--) {
                std::istringstream again(line);
                if (run(what, again).rfind("error", 0) == 0) give_up(what + " " + name + " failed");
            }
        });
    } else {
        give_up("unknown task");
    }
    return 0;
}
