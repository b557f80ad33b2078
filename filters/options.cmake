# What every build of the core is compiled with. Equal bits on every machine: no contraction, no fast math, ever.
set(BALER_OPTIONS -ffp-contract=off -fno-fast-math -Wall -Wextra -Wconversion -Wshadow -Werror)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND BALER_OPTIONS -Wno-pass-failed)  # a loop that it does not vectorise is no error, at -O1 it never does
endif()
