# vitis_hls -f hls.tcl, in a folder with settings.tcl: an hls4ml project becomes an IP with AXI-Stream.
source settings.tcl
set here [file dirname [file normalize [info script]]]
set flags "-std=c++14 -I$folder/firmware -DINPUTS=$inputs -DLATENTS=$latents -DLANES=$lanes"

open_project -reset hls
set_top encoder_stream
add_files [file join $here encoder_stream.cpp] -cflags $flags
add_files [file join $folder firmware encoder.cpp] -cflags $flags
open_solution -reset solution -flow_target vivado
set_part $part
create_clock -period $period
csynth_design
export_design -format ip_catalog -ipname encoder_stream
exit
