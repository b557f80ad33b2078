// One search for a model, given only its sha256: the steps that look at files and folders. Nothing is believed: what is
// found is opened as a model and compared by its hash, so it never matters which place supplies the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host.h"
#include "params.h"

namespace baler::h5 {

constexpr uint64_t kMaxModelBytes = uint64_t(64) << 20;

std::string hex(const ModelId& id);

// The steps by the names that BALER_RESOLVE knows, in the order in which they are taken.
enum Step : unsigned { kAddress = 1, kOpen = 2, kVirtualSources = 4, kPath = 8, kUser = 16, kSystem = 32, kSidecar = 64 };

// What BALER_RESOLVE permits (a list with commas; all steps when it is not set). Throws Failure for a step that does
// not exist.
unsigned permitted_steps();

class Search {
  public:
    Search(const Host& host, const ModelId& id) : host_(host), id_(id), name_(hex(id)) {}

    // Every step says whether it found the model, which is then in the process's cache.
    bool recorded_address(uint64_t address, uint64_t length);
    bool open_objects();
    bool virtual_sources();
    bool model_path();
    bool user_folder();
    bool system_folders();
    bool sidecars();

    void looked(const std::string& place) { why_ += (why_.empty() ? "" : ", ") + place; }
    // Where it was looked, and what was wrong with what lay there.
    std::string why() const;

  private:
    friend class VirtualSources;
    bool embedded(Id location);
    bool folder(const std::string& path);
    bool file(const std::string& path);
    bool accept(const std::vector<uint8_t>& bytes, bool by_name);

    const Host& host_;
    const ModelId& id_;
    std::string name_;
    std::string why_{};
    bool altered_ = false;
    std::string unusable_{};
};

// Ids of these types that the library has open.
std::vector<Id> open_ids(const Host& host, unsigned types);
// The bytes at /.baler/models/<hex> in the file of `location`, whatever they are.
bool read_embedded(const Host& host, Id location, const std::string& hex_id, std::vector<uint8_t>& bytes);

}  // namespace baler::h5
