// What the plugin needs of HDF5's binary interface (1.10 and later), declared here: no HDF5 header is wanted at build
// time, because the same library serves whichever libhdf5 calls it. Names without H5 prefix are ours.
#pragma once

#include <cstddef>
#include <cstdint>

namespace baler::h5 {

using Id = int64_t;  // hid_t
using Err = int;     // herr_t, htri_t: negative is failure
using Size = uint64_t;

// Enumerators and macros, as literals: HDF5's own macros call into the library that the headers came from.
constexpr int kClassVersion = 1;            // H5Z_CLASS_T_VERS
constexpr unsigned kReverse = 0x0100;       // H5Z_FLAG_REVERSE
constexpr unsigned kOptional = 0x0001;      // H5Z_FLAG_OPTIONAL
constexpr Id kAll = 0x1f;                   // H5F_OBJ_ALL, as an id: objects of every file
constexpr unsigned kFiles = 0x1, kDatasets = 0x2, kGroups = 0x4;
constexpr unsigned kReadOnly = 0x0;         // H5F_ACC_RDONLY
constexpr unsigned kReadWrite = 0x1;        // H5F_ACC_RDWR
constexpr unsigned kSwmrWrite = 0x20;       // H5F_ACC_SWMR_WRITE
constexpr int kVirtual = 3;                 // H5D_VIRTUAL
constexpr int kClassInteger = 0, kClassFloat = 1, kClassString = 3, kClassCompound = 6, kClassEnum = 8,
              kClassVlen = 9, kClassArray = 10;
constexpr int kOrderLittle = 0, kOrderBig = 1;
constexpr Id kDefault = 0;                  // H5P_DEFAULT, H5S_ALL, H5E_DEFAULT

struct FilterClass {  // H5Z_class2_t
    int version;
    int id;
    unsigned encoder_present;
    unsigned decoder_present;
    const char* name;
    Err (*can_apply)(Id dcpl, Id type, Id space);
    Err (*set_local)(Id dcpl, Id type, Id space);
    size_t (*filter)(unsigned flags, size_t n, const unsigned* values, size_t nbytes, size_t* buf_size, void** buf);
};

// X(result, name, arguments): every function that the plugin may call, all of them public.
#define BALER_H5_FUNCTIONS(X)                                                                                          \
    X(void*, H5allocate_memory, (size_t, bool))                                                                        \
    X(Err, H5free_memory, (void*))                                                                                     \
    X(Err, H5Eget_auto2, (Id, void (**)(), void**))                                                                    \
    X(Err, H5Eset_auto2, (Id, void (*)(), void*))                                                                      \
    X(Err, H5Epush2, (Id, const char*, const char*, unsigned, Id, Id, Id, const char*, ...))                           \
    X(intptr_t, H5Fget_obj_count, (Id, unsigned))                                                                      \
    X(intptr_t, H5Fget_obj_ids, (Id, unsigned, size_t, Id*))                                                           \
    X(intptr_t, H5Fget_name, (Id, char*, size_t))                                                                      \
    X(Err, H5Fget_intent, (Id, unsigned*))                                                                             \
    X(Id, H5Fopen, (const char*, unsigned, Id))                                                                        \
    X(Err, H5Fclose, (Id))                                                                                             \
    X(Err, H5Lexists, (Id, const char*, Id))                                                                           \
    X(Id, H5Dopen2, (Id, const char*, Id))                                                                             \
    X(Id, H5Dcreate2, (Id, const char*, Id, Id, Id, Id, Id))                                                           \
    X(Err, H5Dread, (Id, Id, Id, Id, Id, void*))                                                                       \
    X(Err, H5Dwrite, (Id, Id, Id, Id, Id, const void*))                                                                \
    X(Err, H5Dclose, (Id))                                                                                             \
    X(Id, H5Dget_space, (Id))                                                                                          \
    X(Id, H5Dget_type, (Id))                                                                                           \
    X(Id, H5Dget_create_plist, (Id))                                                                                   \
    X(Id, H5Dget_access_plist, (Id))                                                                                   \
    X(Size, H5Dget_offset, (Id))                                                                                       \
    X(Id, H5Screate_simple, (int, const Size*, const Size*))                                                           \
    X(int64_t, H5Sget_simple_extent_npoints, (Id))                                                                     \
    X(Err, H5Sclose, (Id))                                                                                             \
    X(int, H5Tget_class, (Id))                                                                                         \
    X(size_t, H5Tget_size, (Id))                                                                                       \
    X(int, H5Tget_order, (Id))                                                                                         \
    X(int, H5Tget_sign, (Id))                                                                                          \
    X(int, H5Tget_offset, (Id))                                                                                        \
    X(size_t, H5Tget_precision, (Id))                                                                                  \
    X(size_t, H5Tget_ebias, (Id))                                                                                      \
    X(int, H5Tget_norm, (Id))                                                                                          \
    X(Err, H5Tget_fields, (Id, size_t*, size_t*, size_t*, size_t*, size_t*))                                           \
    X(int, H5Tget_nmembers, (Id))                                                                                      \
    X(size_t, H5Tget_member_offset, (Id, unsigned))                                                                    \
    X(Id, H5Tget_member_type, (Id, unsigned))                                                                          \
    X(Id, H5Tget_super, (Id))                                                                                          \
    X(int, H5Tget_array_ndims, (Id))                                                                                   \
    X(int, H5Tget_array_dims2, (Id, Size*))                                                                            \
    X(Err, H5Tis_variable_str, (Id))                                                                                   \
    X(Err, H5Tclose, (Id))                                                                                             \
    X(Id, H5Pcreate, (Id))                                                                                             \
    X(Err, H5Pclose, (Id))                                                                                             \
    X(Err, H5Pset_link_creation_order, (Id, unsigned))                                                                 \
    X(Id, H5Gcreate2, (Id, const char*, Id, Id, Id))                                                                   \
    X(Err, H5Gclose, (Id))                                                                                             \
    X(int, H5Pget_chunk, (Id, int, Size*))                                                                             \
    X(int, H5Pget_nfilters, (Id))                                                                                      \
    X(int, H5Pget_filter2, (Id, unsigned, unsigned*, size_t*, unsigned*, size_t, char*, unsigned*))                    \
    X(Err, H5Pget_filter_by_id2, (Id, int, unsigned*, size_t*, unsigned*, size_t, char*, unsigned*))                   \
    X(Err, H5Pmodify_filter, (Id, int, unsigned, size_t, const unsigned*))                                             \
    X(int, H5Pget_layout, (Id))                                                                                        \
    X(Err, H5Pget_virtual_count, (Id, size_t*))                                                                        \
    X(intptr_t, H5Pget_virtual_filename, (Id, size_t, char*, size_t))                                                  \
    X(intptr_t, H5Pget_virtual_dsetname, (Id, size_t, char*, size_t))                                                  \
    X(intptr_t, H5Pget_virtual_prefix, (Id, char*, size_t))

}  // namespace baler::h5
