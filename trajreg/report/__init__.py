"""From a results tree to HTML that needs no network and no script.

render      `render`: everything, into `index.html`, `pages/`, `style.css` and `claims.csv`
contents    `read_tree`: what the pipeline left of each figure, finished or failed
ledger      `Claim`: one row of the ledger, with its numbers in words
intervals   `interval_svg`: the small plot of an effect and its interval
splits      `read_splits`: what the compared ratios of γ are made of, in words
mathml      `with_mathml`: $formulas$ as MathML
notebook    `notebook_html`: an executed notebook as a piece of a page
"""
