# What Ebb builds on; docs/architecture.md says why each was chosen. Debian names: tools/packages.txt.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(tl-expected REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(TBB REQUIRED)
find_package(Boost REQUIRED)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(hwy REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)
find_path(EBB_TOML_INCLUDE toml++/toml.h REQUIRED)  # used as headers alone
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
# Optional: codecs to compare with (src/peers). `ebb codec list` says what is missing.
# (zfp's own package file wants OpenMP for C, which nothing here needs.)
find_path(EBB_ZFP_INCLUDE zfp.h)
find_library(EBB_ZFP_LIBRARY zfp)
pkg_check_modules(ZSTD QUIET IMPORTED_TARGET libzstd)  # what SZ3's package file links to
find_package(SZ3 3.2 QUIET)
# Optional: studies on many processes (src/study).
set(MPI_CXX_SKIP_MPICXX TRUE)  # the C functions are all that is used
find_package(MPI QUIET COMPONENTS CXX)
if(EBB_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
if(EBB_BUILD_BENCH)
  find_package(benchmark REQUIRED)
endif()
