// Fetches the editor of the console from npm and writes this folder anew:
//
//     node internal/console/assets/vendor.mjs
//
// Two things are changed on the way. The comment that names a source map is removed, since the map is not here. The
// fonts inside the style sheet are removed (270 kB, of two families with licences of their own): the page uses the
// fonts of the system. Files are stored compressed, as they are served. VENDORED.txt tells what is here; a test holds
// the files to its checksums. LICENCES.txt holds the licence of every package inside the bundles, as found by the
// source maps.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const packages = {
  graphiql: '4.1.2', // the last release with a build that needs no bundler, as React 18 is
  react: '18.3.1',
  'react-dom': '18.3.1',
};
const files = [
  ['graphiql', 'graphiql.min.js'],
  ['graphiql', 'graphiql.min.css'],
  ['react', 'umd/react.production.min.js'],
  ['react-dom', 'umd/react-dom.production.min.js'],
];

const work = mkdtempSync(join(tmpdir(), 'console-'));
const here = import.meta.dirname;
try {
  writeFileSync(join(work, 'package.json'), '{"private":true}');
  const install = (...names) => execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...names], { cwd: work });
  install(...Object.entries(packages).map(([name, version]) => `${name}@${version}`));
  const modules = join(work, 'node_modules');
  const manifest = (name) => JSON.parse(readFileSync(join(modules, name, 'package.json')));

  const lines = ['# What this folder holds of others. Written by vendor.mjs; sha256 is of the file before compression.', '#',
    '# file  package  version  licence  sha256'];
  for (const [name, path] of files) {
    const content = readFileSync(join(modules, name, path), 'utf8')
      .replace(/\n\/\/# sourceMappingURL=\S+\s*$/, '\n')
      .replace(/@font-face\s*\{[^}]*\}\s*/g, '');
    const file = path.replace(/.*\//, '');
    writeFileSync(join(here, `${file}.gz`), gzipSync(content, { level: 9 }));
    const { version, license } = manifest(name);
    lines.push([file, name, version, license, createHash('sha256').update(content).digest('hex')].join('  '));
  }
  writeFileSync(join(here, 'VENDORED.txt'), lines.join('\n') + '\n');

  const { sources } = JSON.parse(readFileSync(join(modules, 'graphiql/dist/index.umd.js.map')));
  const bundled = new Set(Object.keys(packages));
  for (const source of sources) {
    const inside = source.match(/.*node_modules\/((@[^/]+\/)?[^/]+)/)?.[1];
    const sibling = source.match(/^\.\.\/\.\.\/([^/]+)\//)?.[1].replace(/^graphiql-/, '@graphiql/');
    if (inside ?? sibling) bundled.add(inside ?? sibling);
  }
  // A bundle may hold a package that newer versions of its other packages no longer need.
  const missing = [...bundled].filter((name) => !existsSync(join(modules, name)));
  if (missing.length > 0) install(...missing);

  const texts = new Map(); // licence text -> packages that have it
  for (const name of [...bundled].sort()) {
    const { version, license } = manifest(name);
    const file = readdirSync(join(modules, name)).find((f) => /^licen[cs]e/i.test(f));
    const text = file ? readFileSync(join(modules, name, file), 'utf8').replaceAll('\r', '').trim() : 'No licence text in the package.';
    texts.set(text, [...(texts.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  const rule = '-'.repeat(80);
  writeFileSync(join(here, 'LICENCES.txt'), 'The editor of this page is made of the packages below, under the licences that follow their names.\n\n' +
    [...texts].map(([text, names]) => `${rule}\n${names.join('\n')}\n${rule}\n\n${text}\n`).join('\n'));
} finally {
  rmSync(work, { recursive: true });
}
