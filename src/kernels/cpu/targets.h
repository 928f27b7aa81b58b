// Which of Highway's targets the CPU kernels are compiled for; included before any header of
// Highway.
//
// SSE4, AVX2 and AVX3 (AVX-512) on x86-64, NEON on Arm. Left out: SSSE3, and Highway's scalar and
// emulated targets, because the reference backend serves a CPU that has none of these; vectors
// whose size is not known when compiling (SVE, RVV), because a partial sum must stay in its lane.
#pragma once

#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#if defined(__x86_64__)
#define HWY_BASELINE_TARGETS HWY_SSE4
#endif
