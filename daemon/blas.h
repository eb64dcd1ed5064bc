/* OpenBLAS's choice of kernels and threads. */
#ifndef VG_DAEMON_BLAS_H
#define VG_DAEMON_BLAS_H

/* The first thing in main(). OpenBLAS works in the thread that calls it: its own threads wait by spinning, which stalls whoever
 * shares the processor; sharing work out is ours. And where OpenBLAS 0.3.21 chose its AVX2 kernels on a processor with AVX-512 (it does so on recent
 * AMD ones; its AVX-512 kernels are 1.6 times faster there), starts this program again with OPENBLAS_CORETYPE set, which
 * OpenBLAS reads only while it is loaded; not if it is set already. */
void vg_blas_begin(char **argv);

#endif
