"""Charts and plates: plain values and arrays in, Plotly figures, SVG or PNG out.

`values` says what a chart is drawn from; `plotly_charts` (the page) and `report_charts` (files, no browser) draw the
same three charts; `plates` lays out Figures 1 and 2 of the paper. Import the module you need: the page must not wait
for Matplotlib, nor a report for Plotly.
"""
