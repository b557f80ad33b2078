"""The FPGA encoder: an `EncoderSpec` as a circuit, and the circuit in simulation. docs/fpga.md is the overview."""
