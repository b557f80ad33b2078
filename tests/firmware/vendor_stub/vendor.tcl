# Stands for Vivado's and Vitis HLS' interpreter: knows their commands by name alone, writes down each call, and leaves
# the files that they would. Any other command is an error, as it is there.
set calls [open calls.txt a]
foreach name {
    add_files apply_bd_automation assign_bd_address connect_bd_intf_net connect_bd_net create_bd_design create_project
    launch_runs open_run report_power report_timing_summary report_utilization save_bd_design set_property
    update_compile_order update_ip_catalog validate_bd_design wait_on_run
    add_files create_clock csynth_design export_design open_project open_solution set_part set_top
} {
    proc $name args [string map [list NAME $name] {
        global calls
        puts $calls [list NAME {*}$args]
        answer NAME $args
    }]
}
foreach name {current_project current_fileset get_bd_pins get_bd_intf_pins get_files get_runs} {
    proc $name args { return [lindex $args end] }
}
proc answer {name given} {
    if {$name eq "launch_runs"} {
        file mkdir overlay/overlay.runs/impl_1 overlay/overlay.gen/sources_1/bd/encoder/hw_handoff
        close [open overlay/overlay.runs/impl_1/encoder_wrapper.bit w]
        close [open overlay/overlay.gen/sources_1/bd/encoder/hw_handoff/encoder.hwh w]
    }
}
proc get_board_parts args {
    return [expr {[info exists ::env(NO_BOARD)] ? "" : "vendor[string map {* {}} [lindex $args end]]part0:1.0"}]
}
proc get_ipdefs pattern { return "[join [lrange [split [string map {* ip} $pattern] :] 0 2] :]:1.0" }
proc create_bd_cell args {
    puts $::calls [list create_bd_cell {*}$args]
    return [lindex $args end]
}
proc make_wrapper args { return encoder_wrapper.v }
proc get_property {name of} {
    if {$name eq "STATS.WNS"} { return [expr {[info exists ::env(WNS)] ? $::env(WNS) : 0.25}] }
    return [expr {$name eq "PROGRESS" ? "100%" : "done"}]
}
source [lindex $argv 0]
