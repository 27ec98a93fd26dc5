/** The page's style sheet. Colours come in pairs for light and dark; both keep 4.5 : 1 for text and 3 : 1 for lines. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --card: #fff; --ink: #1c1d20; --soft: #5d616b; --line: #dcdde1; --accent: #1a5fb4;
  --good: #1a6e34; --bad: #b3261e; --mark: #fff3c4;
  --s0: #1a5fb4; --s1: #b4540a; --s2: #187a42; --s3: #8235b0; --s4: #b3261e; --s5: #0b7285;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15161a; --card: #1d1f24; --ink: #e8e8ea; --soft: #a2a6b0; --line: #383b43; --accent: #8ab8f5;
    --good: #7fd69a; --bad: #ff9d94; --mark: #4a3f12;
    --s0: #7fb2f5; --s1: #f2a65a; --s2: #74cf95; --s3: #cf9bf0; --s4: #ff9d94; --s5: #6fd0e0;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 78rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1, h2, h3 { line-height: 1.2; text-wrap: balance; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; margin: 0 0 .25rem; }
h2 { font-size: 1.25rem; margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
#overview h2 { display: none; }
a { color: var(--accent); }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; margin: .75rem 0 1.5rem; padding: 0; }
code { font: .875em/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
small, .soft { color: var(--soft); font-size: .8125rem; }
p.soft { margin: .375rem 0; }
.id { overflow-wrap: anywhere; }
.lead { max-width: 46rem; margin: 0 0 1rem; color: var(--soft); }
summary { cursor: pointer; color: var(--accent); font-size: .875rem; padding: .25rem 0; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 0 0 1.25rem; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; }
.tiles dt { color: var(--soft); font-size: .8125rem; }
.tiles dd { margin: 0; font-size: 1.75rem; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tiles small { display: block; font-weight: 400; line-height: 1.4; margin-top: .125rem; }
.facts { margin: 1rem 0; }
.facts div { display: grid; grid-template-columns: minmax(8rem, 15rem) 1fr; gap: .125rem 1rem; padding: .25rem 0; border-bottom: 1px solid var(--line); }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); gap: 1rem; margin: 1rem 0; align-items: start; }
.split { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 1rem 2rem; align-items: start; }
.chart { margin: 0; max-width: 26rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; min-width: 0; }
.chart figcaption { font-weight: 600; margin-bottom: .5rem; }
.chart svg { display: block; width: 100%; height: auto; }
.axis path { stroke: var(--line); stroke-width: 1; fill: none; }
.axis text, text.row { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
text.row { fill: var(--ink); }
.mark { stroke: var(--soft); stroke-dasharray: 3 3; fill: none; }
.series path { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.series circle, .series rect { fill: var(--c); }
.series.s1 rect { fill-opacity: .45; stroke: var(--c); stroke-width: 1; }
.s0 { --c: var(--s0); } .s1 { --c: var(--s1); } .s2 { --c: var(--s2); } .s3 { --c: var(--s3); } .s4 { --c: var(--s4); } .s5 { --c: var(--s5); }
.s1 path { stroke-dasharray: 7 4; } .s2 path { stroke-dasharray: 2 3; } .s3 path { stroke-dasharray: 9 3 2 3; } .s4 path { stroke-dasharray: 4 2; } .s5 path { stroke-dasharray: 1 2; }
.whisker path { stroke-dasharray: none; stroke-width: 3; }
.legend { display: flex; flex-wrap: wrap; gap: .125rem 1rem; list-style: none; margin: .5rem 0 0; padding: 0; font-size: .8125rem; }
.legend li { display: flex; align-items: center; gap: .375rem; }
.chart .legend svg { width: 26px; flex: none; }
.legend rect { display: none; }
.bars .legend path { display: none; }
.bars .legend rect { display: inline; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9375rem; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .375rem .75rem .375rem 0; border-bottom: 1px solid var(--line); font-weight: 400; }
thead th { color: var(--soft); font-size: .8125rem; vertical-align: bottom; }
.numbers td, .numbers thead th + th { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.default { color: var(--soft); }
tr.differs { background: var(--mark); }
.charts .scroll table { min-width: min(100%, 18rem); }
.plain { list-style: none; margin: .25rem 0; padding: 0; }
.better { color: var(--good); font-weight: 600; } .worse { color: var(--bad); font-weight: 600; } .same { color: var(--soft); }
.better small, .worse small { color: inherit; font-weight: 400; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); gap: 1rem; align-items: start; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; content-visibility: auto; contain-intrinsic-size: auto 30rem; }
.card > div { padding: .75rem 1rem; }
.card:has(details[open]) { grid-column: 1 / -1; }
.photo { display: block; width: 100%; aspect-ratio: 4 / 3; background: color-mix(in srgb, var(--line) 40%, transparent); }
@media (min-width: 52rem) {
  .card:has(details[open]) { display: grid; grid-template-columns: 20rem 1fr; align-items: start; }
}
.no-photo { margin: 0; padding: 1rem; aspect-ratio: 4 / 3; display: grid; place-items: center; color: var(--soft); background: color-mix(in srgb, var(--line) 40%, transparent); }
.figures { display: flex; flex-wrap: wrap; gap: .125rem 1rem; margin: 0 0 .5rem; font-size: .8125rem; }
.figures div { display: flex; gap: .375rem; }
.figures dt { color: var(--soft); }
.figures dd { margin: 0; font-variant-numeric: tabular-nums; }
.references { margin: .25rem 0; padding-left: 1rem; font-size: .875rem; color: var(--soft); }
.badge { background: var(--mark); border-radius: .25rem; padding: 0 .375rem; font-size: .75rem; font-weight: 600; vertical-align: 1px; }
.words ol { list-style: none; margin: .5rem 0; padding: 0; display: grid; gap: .5rem; line-height: 1.3; }
.tiles-photo { grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); }
.tiles-word { grid-template-columns: repeat(auto-fill, minmax(4.5rem, 1fr)); }
.words svg { display: block; width: 100%; height: auto; border-radius: .25rem; margin-bottom: .125rem; }
.words .word { display: block; overflow-wrap: anywhere; }
.bar { display: block; height: 4px; border-radius: 2px; background: var(--line); margin: .125rem 0; }
.bar i { display: block; height: 100%; border-radius: 2px; background: var(--s0); }
.peak { white-space: nowrap; }
.captions td:nth-child(2) { text-align: left; white-space: normal; min-width: 9rem; width: 100%; }
.captions thead th:nth-child(2) { text-align: left; }
.captions img { display: block; border-radius: .25rem; width: 4rem; height: auto; }
th button { font: inherit; color: var(--accent); background: none; border: 0; padding: 0; cursor: pointer; text-align: inherit; }
th[aria-sort=ascending] button::after { content: " ↑"; } th[aria-sort=descending] button::after { content: " ↓"; }
.script-only { display: none; } .scripted .script-only { display: inline; }
.definitions { position: absolute; }
@media (max-width: 40rem) {
  body { padding: 1rem .75rem 3rem; }
  .facts div { grid-template-columns: 1fr; }
  .numbers td, .numbers th { padding-right: .625rem; }
  .captions { font-size: .8125rem; }
  .captions img { width: 2.5rem; }
  .captions td, .captions th { padding-right: .375rem; }
  .captions thead th { font-size: .6875rem; }
  .captions td:nth-child(2) { min-width: 6.5rem; }
}
@media print { .card { break-inside: avoid; content-visibility: visible; } nav { display: none; } }
`;
