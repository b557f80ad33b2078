/* baler.h: the C interface of baler-codec's native library.
 *
 * One library is the HDF5 plugin and what the Python package calls. Everything here is thread-safe unless said
 * otherwise; no function throws, aborts or allocates from a size that an untrusted input merely claims.
 * The bytes are specified in docs/format.md.
 */
#ifndef BALER_H
#define BALER_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define BALER_API __declspec(dllexport)
#else
#define BALER_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define BALER_MAX_NDIM 32
#define BALER_FILTER_ID 35745 /* 0x8BA1, private range, until The HDF Group assigns one */

/* Every function that returns int returns one of these; baler_last_error() then has the text. */
enum {
    BALER_OK = 0,
    BALER_ERR_ARGUMENT = 1,      /* the caller's arguments do not fit (text says which and what would) */
    BALER_ERR_CORRUPT = 2,       /* frame or model bytes are damaged or truncated */
    BALER_ERR_VERSION = 3,       /* a format version that this library does not know */
    BALER_ERR_MODEL_MISSING = 4, /* the frame wants a model that was not given */
    BALER_ERR_MODEL_INVALID = 5, /* model bytes are well-formed but break a rule (overflow proof, limits) */
    BALER_ERR_MEMORY = 6,        /* malloc said no */
    BALER_ERR_BUFFER = 7,        /* the caller's output buffer has the wrong size */
    BALER_ERR_UNSUPPORTED = 8    /* a bound that does not exist for this dtype, and the like */
};

/* Kinds of error bound; "range" is resolved to BALER_BOUND_ABS before it gets here. */
enum { BALER_BOUND_EXACT = 0, BALER_BOUND_ABS = 1, BALER_BOUND_PW_REL = 2, BALER_BOUND_LATENT = 3 };

/* How a frame's values were coded. */
enum { BALER_MODE_STORED = 0, BALER_MODE_BUILTIN = 1, BALER_MODE_MODEL = 2, BALER_MODE_LATENT = 3, BALER_MODE_BYTES = 4,
       BALER_MODE_GRID = 5, BALER_MODE_FIELDS = 6 };

/* Model for decoding and encoding: immutable, reference-counted, free to be shared by threads. */
typedef struct baler_model baler_model;

typedef struct baler_array {
    char kind;          /* 'f', 'i', 'u' numbers; 'V' anything else, coded losslessly as bytes */
    uint8_t big_endian; /* byte order of the numbers in memory; 0 for 'V' and for one-byte items */
    uint8_t fortran;    /* 1: first index runs fastest */
    uint8_t ndim;       /* 0 ... BALER_MAX_NDIM */
    uint32_t itemsize;  /* bytes: f 2 4 8; i u 1 2 4 8; V 1 ... 65535 */
    uint64_t shape[BALER_MAX_NDIM];
} baler_array;

typedef struct baler_settings {
    const baler_model* model; /* NULL: the built-in model with `bound` for every column */
    uint32_t bound_kind;      /* ignored when model is given: its bounds hold */
    uint32_t stable;          /* 1: re-encoding never moves a value (0 is a permission, not a demand) */
    double bound;
    const int32_t* latents;   /* rows x n latents (row-major) from an external encoder, or NULL: encode here */
    uint64_t n_latents;       /* number of int32 in `latents` */
} baler_settings;

typedef struct baler_frame {
    baler_array array;
    uint32_t version;
    uint32_t mode;
    uint32_t bound_kind; /* of a frame without model */
    uint32_t stable;
    double bound;
    uint32_t has_model;
    uint8_t model_id[32];
    uint64_t nbytes;       /* decoded size */
    uint64_t n_exceptions; /* values stored exactly beside the lattice */
    uint64_t frame_bytes;
    uint64_t payload_bytes; /* they end 4 bytes before the frame does */
} baler_frame;

/* A field of a record, as a frame or a model says it. */
typedef struct baler_field {
    char kind;           /* 'f', 'i', 'u', 'V' */
    uint8_t big_endian;
    uint16_t reserved;
    uint32_t itemsize;   /* of one element */
    uint32_t offset;     /* of the field in the record */
    uint32_t elements;
    uint32_t bound_kind; /* BALER_BOUND_* */
    double bound;
} baler_field;

BALER_API const char* baler_version(void);
/* Text of this thread's last error, "" when there was none. Valid until the thread's next call. */
BALER_API const char* baler_last_error(void);

/* Threads of the process inside encoding and decoding: 1 ... 256; at first what BALER_NUM_THREADS says, 1 without it.
 * All calls at a time have this number, less one, beside the threads that made them. Bytes never depend on it. */
BALER_API int baler_set_threads(int n);
BALER_API int baler_threads(void);

/* Parse, check and prove a model file. On success *out must be released. */
BALER_API int baler_model_open(const void* bytes, size_t size, baler_model** out);
BALER_API void baler_model_retain(baler_model* model);
BALER_API void baler_model_release(baler_model* model);
BALER_API void baler_model_id(const baler_model* model, uint8_t id[32]);
BALER_API const void* baler_model_bytes(const baler_model* model, size_t* size);
/* columns: 0 when the model holds one bound for all; latents: 0 when it has no autoencoder. */
BALER_API void baler_model_shape(const baler_model* model, uint32_t* columns, uint32_t* latents);
/* Bytes of the records that the model is for; 0 for a model of numbers. Such a model is for arrays of kind 'V' and this
 * itemsize; frames written with it need no model. */
BALER_API uint32_t baler_model_record(const baler_model* model);
/* The model's encoder network alone: table (rows, columns) -> int32 (rows, latents), row-major. */
BALER_API int baler_model_latents(const baler_model* model, const baler_array* array, const void* data, int32_t* out,
                                  size_t n_out);

/* The same in two halves, for encoders elsewhere (a board, a simulation) whose latents go into baler_settings. First what
 * the encoder network of a table model sees when baler_encode codes this array: int16 (rows, its inputs), row-major. */
BALER_API int baler_encoder_inputs(const baler_model* model, const baler_array* array, const void* data, int16_t* out,
                                   size_t n_out);
/* Then the network on rows of any int16: int32 (rows, latents), row-major. */
BALER_API int baler_encoder_run(const baler_model* model, const int16_t* inputs, size_t rows, int32_t* out, size_t n_out);

/* The process's model cache, which the HDF5 filter looks into first: the 256 models (16 MiB of files) used last. What
 * was got from it stays whole until it is released. */
BALER_API int baler_cache_add(const void* bytes, size_t size, uint8_t id[32]);
BALER_API baler_model* baler_cache_get(const uint8_t id[32]); /* retained, or NULL */
BALER_API void baler_cache_clear(void);

/* Largest frame that encoding this array can give. */
BALER_API size_t baler_encode_bound(const baler_array* array);
/* Encode a contiguous array. Never fails for lack of compressibility: what cannot be coded is stored. */
BALER_API int baler_encode(const baler_array* array, const void* data, const baler_settings* settings, void* out,
                           size_t capacity, size_t* written);
/* Check a frame's header (and, with verify != 0, its CRC). */
BALER_API int baler_frame_info(const void* frame, size_t size, int verify, baler_frame* out);
/* Fields of a frame of mode BALER_MODE_FIELDS (0 in other modes), the first `capacity` of them into `fields`. */
BALER_API int baler_frame_fields(const void* frame, size_t size, baler_field* fields, size_t capacity, size_t* n);
/* Make a model for records of `itemsize` bytes: numbers by their places, without overlap, each with its bound. Bytes
 * that are in no field are kept as they are. On success *out must be released. */
BALER_API int baler_model_of_fields(const baler_field* fields, size_t n, uint32_t itemsize, baler_model** out);
/* Fields of a model of records, likewise, with its bounds. */
BALER_API int baler_model_fields(const baler_model* model, baler_field* fields, size_t capacity, size_t* n);
/* Decode into exactly out_size bytes; model may be NULL when the frame needs none. */
BALER_API int baler_decode(const void* frame, size_t size, const baler_model* model, void* out, size_t out_size);

/* One chunk of an HDF5 dataset as the filter would code it, for those who read and write chunks beside HDF5
 * (H5Dread_chunk, H5Dwrite_chunk): the same bytes. `words` are the dataset's cd_values. Models are looked for in the
 * process's cache and in folders, but not through HDF5. */
BALER_API size_t baler_chunk_bound(const unsigned* words, size_t n_words, size_t nbytes); /* 0: see baler_last_error */
BALER_API int baler_chunk_encode(const unsigned* words, size_t n_words, const void* chunk, size_t nbytes, void* out,
                                 size_t capacity, size_t* written);
BALER_API int baler_chunk_decode(const unsigned* words, size_t n_words, const void* frame, size_t size, void* out,
                                 size_t out_size);

BALER_API void baler_sha256(const void* bytes, size_t size, uint8_t digest[32]);

#ifdef __cplusplus
}
#endif
#endif
