// Reads a JSON array of flowcharts from stdin and writes what Mermaid understood
// of each: {nodes: {id: text}, edges: [{from, to, text, style}], groups: [title]}
// or {error}. The argument is the folder that package.json was installed in.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const load = async (path) => (await import(pathToFileURL(resolve(process.argv[2], 'node_modules', path)))).default;

// There is no page here, and nothing is drawn: the sanitizer has nothing to do.
const purify = await load('dompurify/dist/purify.es.mjs');
purify.sanitize = (text) => text;
purify.addHook = () => {};
const mermaid = await load('mermaid/dist/mermaid.core.mjs');

// What Mermaid makes of #123; until it draws.
const plain = (text) => text
  .replaceAll('<br/>', '\n')
  .replace(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCodePoint(Number(code)))
  .replaceAll(/ﬂ°(\w+)¶ß/g, '&$1;');

const results = [];
for (const chart of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    await mermaid.parse(chart);
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(chart);
    results.push({
      nodes: Object.fromEntries([...db.getVertices().values()].map((v) => [v.id, plain(v.text)])),
      edges: db.getEdges().map((e) => ({ from: e.start, to: e.end, text: plain(e.text), style: (e.style ?? []).join(';') })),
      groups: db.getSubGraphs().map((g) => plain(g.title)),
    });
  } catch (e) {
    results.push({ error: String(e.message ?? e) });
  }
}
console.log(JSON.stringify(results));
