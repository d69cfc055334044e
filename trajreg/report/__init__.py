"""From a results tree to HTML that needs no network and no script.

render      `render`: everything, into `index.html`, `pages/`, `style.css`, `script.js` and `claims.csv`
contents    `read_tree`: what the pipeline left of each figure, finished or failed
ledger      `Claim`: one row of the ledger, with its numbers in words
intervals   `interval_svg`: the small plot of an effect and its interval
headlines   `headline_sections`: what the figures contribute to the front page, put together
cells       `cell_html`: a cell of a table, with its small print and verdict
mathml      `with_mathml`: $formulas$ as MathML; `caption_html`: a caption with them
reading     `read_reading`: the page that explains how a figure is read
notebook    `notebook_html`: an executed notebook as a piece of a page
"""
