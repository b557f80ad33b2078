// The libhdf5 that called: found by the return address of the callback, its symbols taken from it alone. One process
// may hold several (h5py's, netCDF4's, a system one), and all of them may share this plugin.
#pragma once

#include "hdf5_abi.h"

namespace baler::h5 {

struct Host {
#define BALER_H5_MEMBER(result, name, arguments) result(*name) arguments = nullptr;
    BALER_H5_FUNCTIONS(BALER_H5_MEMBER)
#undef BALER_H5_MEMBER
    bool complete = false;  // every function above is there; else only allocate/free/push may be, and are checked
    const void* base = nullptr;  // where the library lies in memory
    // Ids that HDF5 keeps in variables, -1 when it has none
    Id error_class = -1, error_pipeline = -1, error_cantfilter = -1;
    Id group_create = -1, u8_type = -1;

    // Whether HDF5 may be called here: its functions are known, and this is not a thread of its own.
    bool may_be_called() const;
    void* allocate(size_t n) const;
    void release(void* p) const;
};

// `slot` tells call sites apart (0 ... 2), `caller` is a return address inside libhdf5. Never null.
const Host& host_of(int slot, const void* caller);

// HDF5 prints its own error stack for calls that are only questions; this keeps it silent while alive.
class Quiet {
  public:
    explicit Quiet(const Host& host);
    ~Quiet();
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

  private:
    const Host& host_;
    void (*function_)() = nullptr;
    void* data_ = nullptr;
    bool saved_ = false;
};

// An id that is closed when it goes out of scope.
class Handle {
  public:
    Handle(Id id, Err (*close)(Id)) : id_(id), close_(close) {}
    ~Handle() {
        if (id_ >= 0) close_(id_);
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    operator Id() const { return id_; }

  private:
    Id id_;
    Err (*close_)(Id);
};

}  // namespace baler::h5
