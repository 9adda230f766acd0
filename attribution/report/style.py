"""The report's style sheet: the system's own fonts, both colour schemes, and paper."""

from attribution.views.colours import HARMFUL, HELPFUL

CSS = (
    """
:root { --ink: #1d1a16; --soft: #5f584d; --line: #ddd6c9; --ground: #fffdf8; --box: #f6f2e9; --bar: #8554a2;
  --good: HELPFUL; --bad: HARMFUL; --open: #847b6d; }
@media (prefers-color-scheme: dark) { :root { --ink: #ece6da; --soft: #b3aa9b; --line: #453f36; --ground: #1a1815;
  --box: #25221d; --bar: #b78ad2; --good: #74b4ff; --bad: #ff9a3d; --open: #a79d8d; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 2rem; margin: 0; } h2 { font-size: 1.4rem; margin: 2.5rem 0 .6rem; padding-top: .8rem;
  border-top: 1px solid var(--line); } h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p { margin: .5rem 0; max-width: 50rem; } header p, footer, small, caption, .id, .pair > p { color: var(--soft); }
.pair > p { font-size: .9rem; }
a { color: var(--good); } nav ol { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; margin: 1rem 0;
  list-style: none; font-size: .92rem; }
.verdict { font-size: 1.15rem; font-weight: 600; padding: .7rem 1rem; border-left: .35rem solid var(--open);
  background: var(--box); } .verdict.better { border-color: var(--good); } .verdict.worse { border-color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .7rem; margin: 1rem 0; }
.tile { border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem; display: flex;
  flex-direction: column; } .tile span { font-size: .85rem; color: var(--soft); }
.tile strong { font-size: 1.35rem; overflow-wrap: normal; }
dl { display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: .25rem 1rem; } dt { color: var(--soft); }
dd { margin: 0; } dd, td, th, figcaption div, blockquote { unicode-bidi: isolate; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0; }
caption { text-align: left; padding-bottom: .3rem; max-width: 85vw; } th, td { text-align: left; vertical-align: middle;
  padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); overflow-wrap: normal; }
thead th { color: var(--soft); font-weight: 500; } tbody th { font-weight: 500; }
td, tbody th { font-variant-numeric: tabular-nums; max-width: 26rem; }
.samples { display: flex; flex-wrap: wrap; gap: .8rem; } .pairs { display: grid; gap: .8rem;
  grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); }
.pair { border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem; margin: .5rem 0; }
.sample { margin: 0; font-size: .85rem; line-height: 1.35; width: 18.5rem; } .pair .sample { width: 7.2rem; }
.sample.picture { display: flex; gap: .6rem; } .pair .sample.picture { display: block; }
.sample img { image-rendering: pixelated; object-fit: contain; border-radius: 3px; background: var(--box); flex: none; }
.sample.text, .pair .sample.text { width: 17rem; } blockquote { margin: 0 0 .3rem; padding: .4rem .6rem;
  background: var(--box); border-radius: .3rem; } .id { font-size: .78rem; } figcaption { min-width: 0; }
.sample b { font-weight: 600; } .pair.mistake > .sample.picture { display: flex; width: auto; }
.samples { margin: .6rem 0; }
pre { background: var(--box); padding: .8rem; border-radius: .4rem; overflow-x: auto; font-size: .85rem; }
pre, code { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
footer { margin-top: 3rem; border-top: 1px solid var(--line);
  font-size: .9rem; }
svg { display: block; max-width: 100%; } svg .bar { fill: var(--bar); } svg .zero { stroke: var(--open);
  stroke-dasharray: 3 2; } svg line { stroke-width: 1.5; } svg .good { stroke: var(--good); fill: var(--good); }
svg .bad { stroke: var(--bad); fill: var(--bad); } svg .open { stroke: var(--open); fill: none; }
@media print { :root { --ink: #000; --soft: #444; --line: #bbb; --ground: #fff; --box: #fff; --bar: #8554a2;
  --good: HELPFUL; --bad: HARMFUL; --open: #666; } body { font-size: 10.5pt; max-width: none; padding: 0; }
  nav { display: none; } h2, h3 { break-after: avoid; } .pair, .sample, .tile, tr, pre { break-inside: avoid; }
  section.proof, section.decisions { break-before: page; } .wide { overflow: visible; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } @page { margin: 16mm; } }
""".replace("HELPFUL", HELPFUL)
    .replace("HARMFUL", HARMFUL)
    .strip()
)
