"""``python -m baler_codec.hdf5``: how other programs find the filter."""

from . import PLUGIN_PATH

print(f'export HDF5_PLUGIN_PATH="{PLUGIN_PATH}${{HDF5_PLUGIN_PATH:+:$HDF5_PLUGIN_PATH}}"')
