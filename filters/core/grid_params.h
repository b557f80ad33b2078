// The parameters of a grid payload: what the encoder fits and the decoder obeys. docs/format.md, sections 12.4 to 12.6.
#pragma once

#include "grid_scan.h"
#include "grid_tables.h"

namespace baler::grid {

constexpr int kMostLaneBits = 5;  // log2 of the lanes
constexpr int kScaleTerms = 7;
constexpr int kNear = 2, kMid = 8, kWide = 13;  // taps 0 ... kNear - 1, then up to kMid - 1, then up to kWide - 1
constexpr uint32_t kDefaultScale[kScaleTerms] = {256, 85, 0, 512, 170, 0, 1024};
constexpr uint32_t kMostScale = (1u << 20) - 1;
constexpr int64_t kMostWeight = (1 << 20) - 1;

struct GroupParams {
    bool fitted = false, fed_back = false, scaled = false;
    uint8_t precision = 16, gain_precision = 16;
    uint8_t fine = 0;
    int32_t weight[kMaxTaps] = {};  // in 65536ths; weight[0] is not used
    int32_t gain[kMaxTaps] = {};    // of the first predictions' misses at the taps, in 65536ths
    uint32_t scale[kScaleTerms] = {256, 85, 0, 512, 170, 0, 1024};
};

struct ScaleMap {
    bool mapped = false;
    uint8_t J[kContexts];
    uint8_t shape[kContexts];
    ScaleMap();
};

struct Params {
    bool closed = false;
    int fineness = 0;  // L
    bool net = false;
    int32_t low = 0, high = 0;
    std::vector<GroupParams> groups;
    std::vector<ScaleMap> maps;      // own maps in group order, then the common one, if any group has none
    std::vector<uint32_t> map_of;    // group -> map

    // With default parameters for everything.
    explicit Params(const Order& order);
};

void write_params(SideWriter& side, const Order& order, const Params& params);
void read_params(SideReader& side, const Order& order, Params& params);

}  // namespace baler::grid
