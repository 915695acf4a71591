"""The style sheet of a run's page, for light and dark."""

STYLE = """
:root{color-scheme:light dark;--bg:#f6f6f4;--card:#fff;--ink:#1c1e22;--soft:#686e78;--rule:#e3e3e0;
--a:#2b66d9;--b:#c2570c;--c:#0f8a6d;--d:#8b3fb8;--e:#7a6a12;--f:#5b6470;
--warn:#b97f00;--alert:#cf2e2e;--stop:#8a1ca6;--ok:#1e8a4c;--code:#f1f1ee}
@media (prefers-color-scheme:dark){:root{--bg:#101215;--card:#181b20;--ink:#e7e9ec;--soft:#969da8;
--rule:#2b3038;--a:#76a9ff;--b:#f0a04b;--c:#4fcfa9;--d:#cf95f5;--e:#d6c25a;--f:#9aa3af;
--warn:#e2b13c;--alert:#ff6f66;--stop:#dc8bff;--ok:#4cc583;--code:#20242a}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1180px;margin:0 auto;padding:28px 20px 64px}
h1{font-size:24px;line-height:1.25;margin:0 0 2px;font-weight:650;overflow-wrap:anywhere}
h2{font-size:16px;margin:38px 0 10px;font-weight:650}
h2 small{font-weight:400;color:var(--soft);font-size:13px;margin-left:8px}
p{margin:4px 0;max-width:75ch}.soft{color:var(--soft)}.num{font-variant-numeric:tabular-nums}
.facts{color:var(--soft);font-size:13px;overflow-wrap:anywhere}.facts span{margin-right:14px}
.pill{display:inline-block;
border-radius:99px;padding:1px 10px;font-size:12px;font-weight:650;color:var(--card);
letter-spacing:.02em;vertical-align:3px;margin-left:8px}
.pill.ok{background:var(--ok)}.pill.warn{background:var(--warn)}.pill.alert{background:var(--alert)}
.pill.stop{background:var(--stop)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:20px 0 0}
.tile,.card{background:var(--card);border:1px solid var(--rule);border-radius:8px}
.tile{padding:10px 14px}.tile b{display:block;font-size:24px;font-weight:600;line-height:1.25}
.tile span{font-size:12.5px;color:var(--soft)}.tile i{font-style:normal;font-size:12.5px;color:var(--soft)}
.grid3{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:12px}
.grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));gap:12px}
.card{padding:10px 12px 8px;min-width:0}.card.warn{border-color:var(--warn)}
.card.alert{border-color:var(--alert)}
.card.stop{border-color:var(--stop)}
.card h3{margin:0;font-size:13.5px;font-weight:600;display:flex;justify-content:space-between;gap:8px}
.card h3 span{overflow-wrap:anywhere}.card h3 b{font-weight:600;white-space:nowrap}
.card .sub{font-size:11.5px;color:var(--soft);min-height:18px;display:flex;justify-content:space-between;
gap:8px}
.bounds{white-space:nowrap}.bounds span{margin-left:8px}.bounds span::before{content:"";display:inline-block;
width:9px;border-top:2px dashed;margin-right:3px;vertical-align:3px}.bounds .warn{color:var(--warn)}
.bounds .alert{color:var(--alert)}
.strip{display:flex;flex-wrap:wrap;gap:3px;margin:0 0 10px}.strip span{min-width:26px;padding:2px 5px;
border-radius:4px;font-size:11.5px;text-align:center;color:var(--card);background:var(--ok)}
.strip .warn{background:var(--warn)}.strip .alert{background:var(--alert)}.strip .stop{background:var(--stop)}
svg{display:block;width:100%;height:auto;margin-top:4px}
.grid{stroke:var(--rule);stroke-width:1}.tick{fill:var(--soft);font-size:10px}.end{text-anchor:end}
.mid{text-anchor:middle}.line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.band{opacity:.15;stroke:none}.limit{stroke-width:1.2;stroke-dasharray:4 3;opacity:.85}
.limit.warn{stroke:var(--warn)}.limit.alert{stroke:var(--alert)}
.name{font-size:10.5px;font-weight:600}
.line.a{stroke:var(--a)}.line.b{stroke:var(--b)}.line.c{stroke:var(--c)}.line.d{stroke:var(--d)}
.whisker{stroke-width:1;opacity:.45}.whisker.a{stroke:var(--a)}.whisker.b{stroke:var(--b)}
.line.e{stroke:var(--e)}.line.f{stroke:var(--f)}
.band.a,.dot.a,.name.a{fill:var(--a)}.band.b,.dot.b,.name.b{fill:var(--b)}.band.c,.dot.c,.name.c{fill:var(--c)}
.band.d,.dot.d,.name.d{fill:var(--d)}.band.e,.dot.e,.name.e{fill:var(--e)}.band.f,.dot.f,.name.f{fill:var(--f)}
.dot{stroke:var(--card);stroke-width:1}.dot.warn{fill:var(--warn)}.dot.alert{fill:var(--alert)}
.dot.stop{fill:var(--stop)}
.wide{overflow-x:auto}
table{border-collapse:collapse;
width:100%;font-size:13.5px;background:var(--card);border:1px solid var(--rule);
border-radius:8px}
th{font-weight:600;text-align:left;color:var(--soft);font-size:12px}
th,td{padding:6px 10px;border-top:1px solid var(--rule);vertical-align:top}thead th{border-top:0}
td.level{font-weight:650;white-space:nowrap}td.warn{color:var(--warn)}td.alert{color:var(--alert)}
td.stop{color:var(--stop)}td.metric{overflow-wrap:anywhere}
details{margin:8px 0}summary{cursor:pointer;font-weight:600;padding:4px 0}
.text{font:12.5px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap;
overflow-wrap:anywhere;overflow:hidden}
.samples{display:grid;grid-template-columns:repeat(auto-fill,minmax(330px,1fr));gap:8px}
.sample{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:8px 10px;min-width:0}
.sample .text{display:block;background:var(--code);border-radius:5px;padding:5px 8px;margin-top:5px;
max-height:16em;overflow:auto}
.sample header{display:flex;justify-content:space-between;gap:8px;font-size:11.5px;color:var(--soft);
overflow-wrap:anywhere}
footer{margin-top:44px;color:var(--soft);font-size:12.5px}
@media print{body{background:#fff}.card,.tile,.sample{break-inside:avoid}}
"""
