"""``python -m baler_codec.hdf5 [enable|disable|path]``: how other programs find the filter.

Without an argument it prints the line for a shell. The same is in ``baler hdf5``, which has more.
"""

import sys

from . import PLUGIN_PATH, disable, enable

match sys.argv[1:]:
    case []:
        print(f'export HDF5_PLUGIN_PATH="{PLUGIN_PATH}${{HDF5_PLUGIN_PATH:+:$HDF5_PLUGIN_PATH}}"')
    case ["path"]:
        print(PLUGIN_PATH)
    case ["enable"]:
        print(enable())
    case ["disable"]:
        print("\n".join(map(str, disable())) or "nothing to disable")
    case _:
        sys.exit("usage: python -m baler_codec.hdf5 [enable|disable|path]")
