"""The AXI-Stream round an encoder: rows in beats of 16-bit lanes, latents likewise, back-pressure, TLAST kept."""

from __future__ import annotations

from .verilog import LANE


def stream(inputs: int, latents: int, latency: int, lanes: int, note: str) -> str:
    """Write module `encoder_stream`.

    Parameters
    ----------
    inputs, latents : int
        Of a row.
    latency : int
        Cycles of module `encoder`.
    lanes : int
        16-bit values in a beat of either stream. A row begins with a new beat; its last beat is filled up with zeros.
    note : str
        First line of the file.

    Notes
    -----
    The pipeline cannot wait, so a row is only let in when there is room for its latents behind it: `credit` counts the
    rows that are inside. TLAST on the last beat of a row comes out with the last beat of its latents.
    """
    width, beats_in, beats_out = LANE * lanes, -(-inputs // lanes), -(-latents // lanes)
    depth = 1 << (latency + 3).bit_length()
    aw = depth.bit_length() - 1
    fill = beats_out * width - LANE * latents
    padded = f"{{{{{fill}{{1'b0}}}}, y}}" if fill else "y"
    row = "s_axis_tdata" if beats_in == 1 else f"{{s_axis_tdata, row[{beats_in * width - 1}:{width}]}}"
    return f"""// {note}
module encoder_stream (
    input wire aclk,
    input wire aresetn,
    input wire [{width - 1}:0] s_axis_tdata,
    input wire s_axis_tvalid,
    output wire s_axis_tready,
    input wire s_axis_tlast,
    output wire [{width - 1}:0] m_axis_tdata,
    output wire m_axis_tvalid,
    input wire m_axis_tready,
    output wire m_axis_tlast
);
    // beats become rows
    reg [{beats_in * width - 1}:0] row;
    reg [15:0] beat;
    reg filled, filled_last;
    reg [{aw}:0] credit;
    assign s_axis_tready = credit != {depth};
    wire take = s_axis_tvalid & s_axis_tready;
    wire row_done = take & (beat == {beats_in - 1});
    wire pop;
    always @(posedge aclk) begin
        if (take) row <= {row};
        filled_last <= s_axis_tlast;
        if (!aresetn) begin
            beat <= 0;
            filled <= 0;
            credit <= 0;
        end else begin
            if (take) beat <= row_done ? 16'd0 : beat + 16'd1;
            filled <= row_done;
            if (row_done & ~pop) credit <= credit + 1'b1;
            if (pop & ~row_done) credit <= credit - 1'b1;
        end
    end

    wire [{LANE * latents - 1}:0] y;
    encoder core (.clk(aclk), .x(row[{LANE * inputs - 1}:0]), .y(y));
    // which of the rows in the pipeline are real, and which end a packet
    reg [{latency}:0] valid, last;
    always @(posedge aclk) begin
        valid <= aresetn ? {{valid[{latency - 1}:0], filled}} : {latency + 1}'d0;
        last <= {{last[{latency - 1}:0], filled_last}};
    end

    reg [{beats_out * width}:0] held [0:{depth - 1}];
    reg [{aw}:0] write, read;
    reg [15:0] part;
    wire push = valid[{latency - 1}];
    wire [{beats_out * width}:0] head = held[read[{aw - 1}:0]];
    wire [{beats_out * width - 1}:0] values = head[{beats_out * width - 1}:0];
    wire end_of_row = part == {beats_out - 1};
    assign m_axis_tvalid = write != read;
    assign m_axis_tdata = values[{width} * part +: {width}];
    assign m_axis_tlast = head[{beats_out * width}] & end_of_row;
    assign pop = m_axis_tvalid & m_axis_tready & end_of_row;
    always @(posedge aclk) begin
        if (push) held[write[{aw - 1}:0]] <= {{last[{latency - 1}], {padded}}};
        if (!aresetn) begin
            write <= 0;
            read <= 0;
            part <= 0;
        end else begin
            if (push) write <= write + 1'b1;
            if (pop) read <= read + 1'b1;
            if (m_axis_tvalid & m_axis_tready) part <= end_of_row ? 16'd0 : part + 16'd1;
        end
    end
endmodule
"""
