/* A C program that knows the filter's number and nothing else.
 *
 *     h5cc -o hdf5_filter examples/hdf5_filter.c
 *     export HDF5_PLUGIN_PATH="$(baler hdf5 path)"
 *     ./hdf5_filter write t.h5                 every value within 1e-3
 *     ./hdf5_filter write t.h5 <sha256>        with a model of 3 columns: the filter finds it and puts it into the file
 *     ./hdf5_filter read t.h5 x
 */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BALER 35745
#define ROWS 1000
#define COLUMNS 3

/* Words: layout 0, flags (1 model, 2 stable), bound kind (1 absolute), the bound as a double, the model's sha256. */
static size_t options(const char* model, unsigned words[13]) {
    const double bound = 1e-3;
    memset(words, 0, 13 * sizeof *words);
    words[1] = 2;
    if (!model) {
        words[2] = 1;
        memcpy(words + 3, &bound, 8); /* on a little-endian machine */
        return 5;
    }
    words[1] |= 1;
    for (int i = 0; i < 32; i++) {
        unsigned byte = 0;
        if (sscanf(model + 2 * i, "%2x", &byte) != 1) return 0;
        words[5 + i / 4] |= byte << 8 * (i % 4);
    }
    return 13;
}

static int write_file(const char* path, const char* model) {
    static float table[ROWS][COLUMNS];
    for (int i = 0; i < ROWS; i++) {
        table[i][0] = 20 + 15 * sinf(0.01f * (float)i);
        table[i][1] = cosf(0.05f * (float)i);
        table[i][2] = (float)(i % 5);
    }
    const hsize_t shape[2] = {ROWS, COLUMNS}, chunk[2] = {256, COLUMNS};
    unsigned words[13];
    size_t n = options(model, words);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, shape, NULL), settings = H5Pcreate(H5P_DATASET_CREATE);
    if (!n || file < 0 || H5Pset_chunk(settings, 2, chunk) < 0 ||
        H5Pset_filter(settings, BALER, H5Z_FLAG_MANDATORY, n, words) < 0)
        return 1;
    hid_t dataset = H5Dcreate2(file, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, settings, H5P_DEFAULT);
    if (dataset < 0 || H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, table) < 0) return 1;
    return H5Dclose(dataset) < 0 || H5Pclose(settings) < 0 || H5Sclose(space) < 0 || H5Fclose(file) < 0;
}

static int read_file(const char* path, const char* name) {
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t dataset = file < 0 ? file : H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0) return 1;
    hid_t space = H5Dget_space(dataset);
    const hssize_t n = H5Sget_simple_extent_npoints(space);
    double* values = malloc((size_t)n * sizeof *values + 1);
    if (!values || H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) return 1;
    double sum = 0;
    for (hssize_t i = 0; i < n; i++) sum += values[i];
    printf("%lld values, sum %.17g\n", (long long)n, sum);
    free(values);
    return H5Sclose(space) < 0 || H5Dclose(dataset) < 0 || H5Fclose(file) < 0;
}

int main(int argc, char** argv) {
    if (argc >= 3 && !strcmp(argv[1], "write")) return write_file(argv[2], argc > 3 ? argv[3] : NULL);
    if (argc == 4 && !strcmp(argv[1], "read")) return read_file(argv[2], argv[3]);
    fprintf(stderr, "usage: %s write FILE [SHA256] | read FILE DATASET\n", argv[0]);
    return 2;
}
