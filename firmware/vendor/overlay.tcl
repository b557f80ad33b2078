# vivado -mode batch -source overlay.tcl, in a folder with settings.tcl: processing system, AXI DMA and the encoder
# become encoder.bit and encoder.hwh. The encoder is a module (encoder_stream.v) or the IP that hls.tcl made.
source settings.tcl

set board_part [lindex [get_board_parts -quiet -latest_file_version "*:$board:*"] 0]
if {$board_part eq ""} {
    error "Vivado has no files of the board $board: install them (Tools, Vivado Store, Boards)"
}
create_project -force overlay overlay -part $part
set_property board_part $board_part [current_project]
if {$kind eq "verilog"} {
    add_files [list [file join $folder encoder.v] [file join $folder encoder_stream.v]]
} else {
    set_property ip_repo_paths hls/solution/impl/ip [current_project]
    update_ip_catalog
}
update_compile_order -fileset sources_1

create_bd_design encoder
proc ip {name cell} {
    set found [lindex [get_ipdefs "xilinx.com:*:$name:*"] end]
    if {$found eq ""} { error "Vivado has no IP $name" }
    return [create_bd_cell -type ip -vlnv $found $cell]
}

# the processing system: one clock, one port that commands the DMA, one through which it reaches memory
if {$family eq "zynq"} {
    set ps [ip processing_system7 ps]
    apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 \
        -config {make_external "FIXED_IO, DDR" apply_board_preset 1} $ps
    set_property -dict [list CONFIG.PCW_USE_M_AXI_GP0 1 CONFIG.PCW_USE_S_AXI_HP0 1 \
        CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ $mhz] $ps
    lassign {FCLK_CLK0 FCLK_RESET0_N M_AXI_GP0 S_AXI_HP0 M_AXI_GP0_ACLK S_AXI_HP0_ACLK} \
        clock reset commands memory commands_clock memory_clock
} else {
    set ps [ip zynq_ultra_ps_e ps]
    apply_bd_automation -rule xilinx.com:bd_rule:zynq_ultra_ps_e -config {apply_board_preset 1} $ps
    set_property -dict [list CONFIG.PSU__USE__M_AXI_GP0 1 CONFIG.PSU__USE__M_AXI_GP1 0 CONFIG.PSU__USE__M_AXI_GP2 0 \
        CONFIG.PSU__USE__S_AXI_GP2 1 CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $mhz] $ps
    lassign {pl_clk0 pl_resetn0 M_AXI_HPM0_FPD S_AXI_HP0_FPD maxihpm0_fpd_aclk saxihp0_fpd_aclk} \
        clock reset commands memory commands_clock memory_clock
}
ip proc_sys_reset rst
set_property -dict {CONFIG.NUM_SI 1 CONFIG.NUM_MI 1} [ip smartconnect control]
set_property -dict {CONFIG.NUM_SI 2 CONFIG.NUM_MI 1} [ip smartconnect memory]

# what pynq's driver expects: exactly one DMA, no scatter-gather
set width [expr {16 * $lanes}]
set_property -dict [list CONFIG.c_include_sg 0 CONFIG.c_sg_include_stscntrl_strm 0 CONFIG.c_sg_length_width 26 \
    CONFIG.c_m_axis_mm2s_tdata_width $width CONFIG.c_m_axi_mm2s_data_width [expr {max(32, $width)}] \
    ] [ip axi_dma axi_dma_0]

if {$kind eq "verilog"} {
    create_bd_cell -type module -reference encoder_stream encoder_0
    lassign {aclk aresetn} encoder_clock encoder_reset
} else {
    ip encoder_stream encoder_0
    lassign {ap_clk ap_rst_n} encoder_clock encoder_reset
}

foreach pin [list ps/$commands_clock ps/$memory_clock rst/slowest_sync_clk control/aclk memory/aclk \
    axi_dma_0/s_axi_lite_aclk axi_dma_0/m_axi_mm2s_aclk axi_dma_0/m_axi_s2mm_aclk encoder_0/$encoder_clock] {
    connect_bd_net [get_bd_pins ps/$clock] [get_bd_pins $pin]
}
connect_bd_net [get_bd_pins ps/$reset] [get_bd_pins rst/ext_reset_in]
foreach pin [list control/aresetn memory/aresetn axi_dma_0/axi_resetn encoder_0/$encoder_reset] {
    connect_bd_net [get_bd_pins rst/peripheral_aresetn] [get_bd_pins $pin]
}
foreach {from to} [list ps/$commands control/S00_AXI control/M00_AXI axi_dma_0/S_AXI_LITE \
    axi_dma_0/M_AXI_MM2S memory/S00_AXI axi_dma_0/M_AXI_S2MM memory/S01_AXI memory/M00_AXI ps/$memory \
    axi_dma_0/M_AXIS_MM2S encoder_0/s_axis encoder_0/m_axis axi_dma_0/S_AXIS_S2MM] {
    connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to]
}
assign_bd_address
validate_bd_design
save_bd_design

set design [get_files encoder.bd]
add_files [make_wrapper -top -files $design]
set_property top encoder_wrapper [current_fileset]
launch_runs impl_1 -to_step write_bitstream -jobs 4
wait_on_run impl_1
if {[get_property PROGRESS [get_runs impl_1]] ne "100%"} {
    error "implementation stopped: [get_property STATUS [get_runs impl_1]]"
}
open_run impl_1
report_timing_summary -file timing.rpt
report_utilization -hierarchical -file utilization.rpt
report_power -file power.rpt
set slack [get_property STATS.WNS [get_runs impl_1]]
if {$slack < 0} {
    error "the clock of $mhz MHz is missed by [expr {-$slack}] ns: take a slower one, or fewer levels"
}
file copy -force overlay/overlay.runs/impl_1/encoder_wrapper.bit encoder.bit
file copy -force overlay/overlay.gen/sources_1/bd/encoder/hw_handoff/encoder.hwh encoder.hwh
