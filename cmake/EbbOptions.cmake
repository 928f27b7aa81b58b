# Compile options shared by every target, as the interface target ebb_options.
add_library(ebb_options INTERFACE)
target_compile_options(ebb_options INTERFACE -Wall -Wextra -Wno-psabi
                       # Results must not depend on what the compiler chooses to fuse: every fused
                       # multiply-add of the arithmetic contract (docs/numbers.md) is written out.
                       -ffp-contract=off)
if(EBB_WERROR)
  target_compile_options(ebb_options INTERFACE -Werror)
endif()
if(EBB_SANITIZE)
  target_compile_options(ebb_options INTERFACE -fsanitize=${EBB_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(ebb_options INTERFACE -fsanitize=${EBB_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ warns of variants that it has instrumented itself.
    target_compile_options(ebb_options INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
if(EBB_FUZZ)
  target_compile_options(ebb_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# ebb_add_library(NAME SOURCES... DEPENDS...): one static library a folder of src/.
function(ebb_add_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
                                            $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS} PRIVATE $<BUILD_INTERFACE:ebb_options>)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()
