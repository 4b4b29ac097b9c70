"""The look of the replay's page: by day, by night, and on paper."""

from __future__ import annotations

LIGHT = """
  --ground: #f4f3ee; --surface: #ffffff; --line: #d5d3c8; --edge: #7c8487; --ink: #1c292d; --quiet: #526067;
  --danger: #a42a1c; --good: #1e6435; --you: #1d5089; --patient: #86431b;
  --endpoint: #4f7f9f; --recognise: #a8761a; --respond: #7a5aa6; --speak: #2c7a58; --deliver: #a8506a; --ahead: #6b7478;
"""
DARK = """
  --ground: #12181a; --surface: #1b2325; --line: #334043; --edge: #7d8c90; --ink: #e8edec; --quiet: #a6b4b7;
  --danger: #ff9d8f; --good: #8fd6a4; --you: #9cc5f5; --patient: #f2b58f;
  --endpoint: #7fb2d4; --recognise: #deb25c; --respond: #b99be0; --speak: #6cc49b; --deliver: #e08ba6; --ahead: #a6b4b7;
"""
STYLE = f"""
:root {{ color-scheme: light dark; {LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {DARK} }} }}
@media print {{ :root {{ color-scheme: light; {LIGHT} }} }}
* {{ box-sizing: border-box; }}
html {{ background: var(--ground); color: var(--ink); font: 100%/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Noto Sans", "Helvetica Neue", Arial, sans-serif; }}
body {{ max-width: 68rem; margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 2.5rem) 3rem; overflow-wrap: break-word; }}
h1 {{ font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem; }}
h2 {{ font-size: 1.15rem; margin: 2.25rem 0 .6rem; }}
h3 {{ font-size: 1rem; margin: 0; }}
p {{ margin: 0 0 .6rem; }}
.quiet {{ color: var(--quiet); font-size: .9rem; }}
.bad {{ color: var(--danger); font-weight: 600; }}
.good {{ color: var(--good); font-weight: 600; }}
.figures {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: .75rem; padding: 0;
  margin: 1.25rem 0 0; list-style: none; }}
.figures li, article, .box {{ background: var(--surface); border: 1px solid var(--line); border-radius: .75rem; }}
.figures li {{ padding: .7rem 1rem; font-size: .9rem; color: var(--quiet); }}
.figures b {{ display: block; font-size: 1.35rem; line-height: 1.3; color: var(--ink);
  font-variant-numeric: tabular-nums; }}
.box {{ padding: 1rem 1.1rem; overflow-x: auto; }}
.box > :last-child {{ margin-bottom: 0; }}
table {{ border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: .35rem .7rem; border-bottom: 1px solid var(--line); }}
tbody tr:last-child > * {{ border-bottom: 0; }}
thead th, tbody th {{ font-weight: 600; }}
thead th {{ color: var(--quiet); vertical-align: bottom; }}
.number {{ text-align: right; white-space: nowrap; }}
.verdict {{ white-space: nowrap; }}
.facts th {{ width: 9rem; color: var(--quiet); font-weight: 400; vertical-align: top; }}
.key {{ display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; padding: 0; margin: 0 0 .8rem; list-style: none;
  font-size: .9rem; color: var(--quiet); }}
.key svg {{ display: inline-block; width: 1.1rem; height: .8rem; vertical-align: -.05rem; margin-right: .4rem; }}
article {{ padding: .9rem 1.1rem 1rem; margin: 0 0 1rem; break-inside: avoid; }}
article header {{ display: flex; flex-wrap: wrap; gap: .2rem 1rem; align-items: baseline; margin-bottom: .5rem; }}
.said {{ margin: 0 0 .5rem; display: grid; grid-template-columns: max-content 1fr; gap: .1rem .8rem; }}
.said dt {{ font-size: .85rem; font-weight: 600; line-height: 1.75; }}
.said dd {{ margin: 0; }}
.wanted {{ color: var(--quiet); }}
.you {{ color: var(--you); }}
.patient {{ color: var(--patient); }}
svg {{ display: block; width: 100%; height: auto; }}
.picture {{ overflow-x: auto; }}
.picture svg {{ min-width: 44rem; }}
article .quiet {{ margin: .5rem 0 0; }}
svg text {{ fill: var(--ink); font-size: 11px; font-variant-numeric: tabular-nums; }}
svg .label {{ fill: var(--quiet); }}
svg .voice-you {{ fill: var(--you); }}
svg .voice-patient {{ fill: var(--patient); }}
svg .grid {{ stroke: var(--line); }}
svg .zero {{ stroke: var(--quiet); stroke-width: 1.5; }}
svg .asked {{ stroke: var(--ink); stroke-dasharray: 2 2; }}
svg .mark {{ fill: var(--ink); }}
svg .before {{ fill: none; stroke: var(--quiet); stroke-width: 1.5; stroke-dasharray: 4 3; }}
svg .range {{ stroke: var(--quiet); stroke-width: 2; }}
svg .endpoint {{ fill: var(--endpoint); }}
svg .recognise {{ fill: var(--recognise); }}
svg .respond {{ fill: var(--respond); }}
svg .speak {{ fill: var(--speak); }}
svg .deliver {{ fill: var(--deliver); }}
svg .ahead {{ fill: url(#hatch); stroke: var(--ahead); }}
svg .discarded {{ fill: var(--surface); stroke: var(--danger); stroke-dasharray: 3 2; }}
#hatch path {{ stroke: var(--ahead); stroke-width: 1.5; }}
.defs {{ position: absolute; width: 0; height: 0; }}
footer {{ margin-top: 2rem; }}
@media print {{
  html {{ font-size: 80%; background: #ffffff; }}
  body {{ max-width: none; padding: 0; }}
  .picture, .box {{ overflow: visible; }}
  .picture svg {{ min-width: 0; }}
  * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
}}
"""
