# Puts every file of page/ into the program: page_files.c has their bytes (.incbin) and their names. A file that is
# added or changed is seen by the next build.
file(GLOB page_paths LIST_DIRECTORIES false CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/page/*)
set(page_bytes "")
set(page_externs "")
set(page_entries "")
set(page_number 0)
foreach(path ${page_paths})
  cmake_path(GET path FILENAME name)
  set(symbol page_file_${page_number})
  string(APPEND page_bytes "        \"${symbol}: .incbin \\\"${path}\\\"\\n${symbol}_end: .byte 0\\n\"\n")
  string(APPEND page_externs "extern const char ${symbol}[], ${symbol}_end[];\n")
  string(APPEND page_entries "        {\"${name}\", ${symbol}, ${symbol}_end},\n")
  math(EXPR page_number "${page_number} + 1")
endforeach()
set(page_source "/* Made by page.cmake. */
#include \"auditor/serve/page.h\"

#include <stddef.h>

__asm__(\".pushsection .rodata\\n\"
${page_bytes}        \".popsection\\n\");
${page_externs}
const struct page_file page_files[] = {
${page_entries}        {NULL, NULL, NULL},
};
")
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/page_files.c CONTENT "@page_source@" @ONLY)
set_source_files_properties(${CMAKE_CURRENT_BINARY_DIR}/page_files.c PROPERTIES OBJECT_DEPENDS "${page_paths}")
target_sources(auditor_serve PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/page_files.c)
