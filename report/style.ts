/** The report's style sheet: light and dark, a phone's width and a printer's. */

export const style = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --ink: #22262b; --soft: #6a7078; --line: #d9d6cd; --accent: #2a6f97; --right: 42 111 151; --wrong: 190 90 56;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171a; --ink: #e6e4de; --soft: #989fa7; --line: #353a40; --accent: #7fb6d6; --right: 95 160 200; --wrong: 214 122 84; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 3rem 1.25rem 5rem; }
.eyebrow, small, figcaption, caption { color: var(--soft); }
.eyebrow { margin: 0; letter-spacing: 0.04em; }
h1 { margin: 0.2rem 0 0.6rem; font-size: clamp(2.4rem, 8vw, 4rem); line-height: 1.1; font-weight: 650; }
h1 span { font-size: 0.4em; font-weight: 400; color: var(--soft); }
h2 { margin: 3rem 0 1rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.2rem; font-weight: 600; }
p { max-width: 46rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.5rem; }
svg { width: 100%; height: auto; }
img { image-rendering: pixelated; border-radius: 4px; background: var(--line); }
figure { margin: 0; }
.example { display: flex; gap: 1.25rem; align-items: center; font-size: 1.1rem; }
.example img { width: 8rem; height: 8rem; }
.example small { display: block; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: 1.25rem; }
.gallery img { width: 100%; aspect-ratio: 1; }
.gallery figcaption { margin-top: 0.35rem; font-size: 0.85rem; line-height: 1.35; }
.gallery strong, .example strong { color: var(--ink); }
.wide { overflow-x: auto; }
.wide:focus-visible { outline: 2px solid var(--accent); outline-offset: 4px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.9rem 0.3rem 0; text-align: right; font-weight: 400; }
thead th { color: var(--soft); font-size: 0.85rem; }
td { white-space: nowrap; }
tbody th { text-align: left; }
tbody tr + tr { border-top: 1px solid var(--line); }
caption { padding: 1.5rem 0 0.5rem; text-align: left; font-size: 0.9rem; }
.confusion { font-size: 0.85rem; }
.confusion td, .confusion th { padding: 0.3rem 0.5rem; }
.confusion tbody td { min-width: 2.9rem; text-align: center; background: rgb(var(--wrong) / calc(var(--share) * 1.6)); }
.confusion tbody td.right { background: rgb(var(--right) / calc(var(--share) * 0.75)); font-weight: 600; }
.confusion thead th { height: 5.5rem; vertical-align: bottom; text-align: center; }
.confusion thead span { writing-mode: vertical-rl; transform: rotate(180deg); }
.stages { width: 100%; }
.stages th { white-space: nowrap; }
.stages td:last-child { width: 100%; padding-right: 0; text-align: left; }
.stages i { display: block; height: 0.8rem; min-width: 2px; border-radius: 2px; background: var(--accent); }
.pairs td { text-align: left; }
.pairs th { color: var(--soft); }
code { font-size: 0.85em; }
@media print { body { background: none; } .wide { overflow: visible; } }
`;
