/* Two ranks write one compressed dataset together and read it together, apart, or one alone.
 *   mpi_host FILE SHA256|- collective|independent|one
 */
#include <hdf5.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 512
#define COLUMNS 3
#define CHECK(x) do { if ((x) < 0) { fprintf(stderr, "rank %d: line %d\n", rank, __LINE__); MPI_Abort(MPI_COMM_WORLD, 1); } } while (0)

int main(int argc, char** argv) {
    static float mine[ROWS][COLUMNS], back[2 * ROWS][COLUMNS];
    int rank, ranks;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (argc != 4 || ranks != 2) MPI_Abort(MPI_COMM_WORLD, 2);
    const double bound = 1e-2;
    unsigned words[13] = {0, 2};
    size_t n = 5;
    if (argv[2][0] == '-') {
        words[2] = 1;
        memcpy(words + 3, &bound, 8);
    } else {
        n = 13;
        words[1] = 3;
        for (int i = 0; i < 32; i++) {
            unsigned byte = 0;
            sscanf(argv[2] + 2 * i, "%2x", &byte);
            words[5 + i / 4] |= byte << 8 * (i % 4);
        }
    }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) mine[i][j] = (float)((rank * ROWS + i) % 50 + j) + (j < 2 ? 0.25f : 0.0f);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), transfer = H5Pcreate(H5P_DATASET_XFER);
    hid_t settings = H5Pcreate(H5P_DATASET_CREATE);
    CHECK(H5Pset_fapl_mpio(access, MPI_COMM_WORLD, MPI_INFO_NULL));
    CHECK(H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE));
    const hsize_t shape[2] = {2 * ROWS, COLUMNS}, chunk[2] = {128, COLUMNS}, half[2] = {ROWS, COLUMNS};
    const hsize_t start[2] = {(hsize_t)rank * ROWS, 0};
    CHECK(H5Pset_chunk(settings, 2, chunk));
    CHECK(H5Pset_filter(settings, 35745, H5Z_FLAG_MANDATORY, n, words));
    hid_t file = H5Fcreate(argv[1], H5F_ACC_TRUNC, H5P_DEFAULT, access);
    hid_t space = H5Screate_simple(2, shape, NULL), memory = H5Screate_simple(2, half, NULL);
    CHECK(file);
    hid_t dataset = H5Dcreate2(file, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, settings, H5P_DEFAULT);
    CHECK(dataset);
    CHECK(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, half, NULL));
    CHECK(H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, space, transfer, mine));
    CHECK(H5Dclose(dataset));
    CHECK(H5Fclose(file));

    file = H5Fopen(argv[1], H5F_ACC_RDONLY, access);
    CHECK(file);
    dataset = H5Dopen2(file, "x", H5P_DEFAULT);
    CHECK(dataset);
    const int together = !strcmp(argv[3], "collective");
    if (strcmp(argv[3], "one") || rank == 1) {
        CHECK(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, together ? transfer : H5P_DEFAULT, back));
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                const double error = (double)back[rank * ROWS + i][j] - (double)mine[i][j];
                CHECK(error > 0.06 || error < -0.06 ? -1 : 0);
            }
        }
    }
    CHECK(H5Dclose(dataset));
    CHECK(H5Fclose(file));
    if (rank == 0) printf("done\n");
    MPI_Finalize();
    return 0;
}
