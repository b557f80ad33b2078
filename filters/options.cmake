# What every build of the core is compiled with. Equal bits on every machine: no contraction, no fast math, ever.
set(BALER_OPTIONS -ffp-contract=off -fno-fast-math -Wall -Wextra -Wconversion -Wshadow -Werror)
