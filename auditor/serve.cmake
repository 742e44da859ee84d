# What answers over HTTP.
target_sources(auditor PRIVATE
  api.c
  api_events.c
  api_jobs.c
  api_metrics.c
  api_overview.c
  api_packages.c
  api_parts.c
  api_record.c
  board.c
  ends.c
  follower.c
  page.c
  pulse.c
  raw.c
  readers.c
  scratch.c
  serve.c
  standing.c
)
# board.sql is part of the program, and so is the page
set_source_files_properties(board.c PROPERTIES
  COMPILE_DEFINITIONS HOLDPOINT_BOARD_SQL="${CMAKE_CURRENT_SOURCE_DIR}/board.sql"
  OBJECT_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/board.sql)
include(page.cmake)
