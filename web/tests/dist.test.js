// Looks at what is shipped: sizes, complete pairs, and nothing that the content security policy would stop.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const KIB = 1024;
const web = join(dirname(fileURLToPath(import.meta.url)), '..');
let dist;
let manifest;

beforeAll(() => {
  dist = mkdtempSync(join(tmpdir(), 'signet-dist-'));
  execFileSync('npx', ['vite', 'build', '--logLevel', 'error', '--outDir', dist, '--emptyOutDir'], { cwd: web });
  manifest = JSON.parse(readFileSync(join(dist, 'manifest.json'), 'utf8'));
}, 120_000);
afterAll(() => rmSync(dist, { recursive: true, force: true }));

const packed = (name) => statSync(join(dist, `${manifest[name]}.br`)).size;
const text = (name) => readFileSync(join(dist, manifest[name]), 'utf8');

/** Brotli size of a script with everything it imports. */
function scriptSize(name) {
  const seen = new Set();
  const visit = (file) => {
    if (seen.has(file)) return 0;
    seen.add(file);
    const source = readFileSync(join(dist, file), 'utf8');
    const imports = [...source.matchAll(/(?:from|import)\s*["']\.\/([^"']+)["']/g)].map((match) => join(dirname(file), match[1]));
    return statSync(join(dist, `${file}.br`)).size + imports.reduce((sum, next) => sum + visit(next), 0);
  };
  return visit(manifest[name]);
}

describe('the built files', () => {
  it('have all logical names', () => {
    expect(Object.keys(manifest)).toEqual(['api.js', 'before-paint.js', 'flow.css', 'flow.js', 'portal.css', 'portal.js']);
    for (const file of Object.values(manifest)) expect(file).toMatch(/^assets\/[a-z-]+-[\w-]{8}\.(?:js|css)$/);
  });
  it('keep the budgets', () => {
    expect(packed('flow.css')).toBeLessThanOrEqual(8 * KIB);
    expect(packed('portal.css')).toBeLessThanOrEqual(8 * KIB);
    expect(scriptSize('flow.js')).toBeLessThanOrEqual(25 * KIB);
    expect(scriptSize('portal.js')).toBeLessThanOrEqual(10 * KIB);
    expect(scriptSize('api.js')).toBeLessThanOrEqual(10 * KIB);
    // The first paint waits for it: one file, no imports.
    expect(scriptSize('before-paint.js')).toBeLessThanOrEqual(KIB);
    expect(text('before-paint.js')).not.toMatch(/from\s*["']|import\s*["'(]/);
  });
  it('are compressed without loss', () => {
    for (const file of readdirSync(join(dist, 'assets')).filter((name) => /\.(?:js|css)$/.test(name))) {
      const path = join(dist, 'assets', file);
      expect(brotliDecompressSync(readFileSync(`${path}.br`))).toEqual(readFileSync(path));
    }
    expect(existsSync(join(dist, 'assets/icons/icon_left_brand.svg.br'))).toBe(true);
    expect(existsSync(join(dist, 'assets/icons/icon.png'))).toBe(true);
  });
  it('keep the tokens as browsers must see them', () => {
    for (const name of ['flow.css', 'portal.css']) {
      expect(text(name)).toContain('light-dark(');
      expect(text(name)).toMatch(/oklch\(from var\(--brand\)/);
      expect(text(name)).not.toContain('@import');
      expect(text(name)).not.toMatch(/url\(/);
    }
  });
  it('keep the public class names', () => {
    for (const name of ['flow', 'card', 'card__brand', 'card__head', 'btn', 'input', 'flow__foot']) {
      expect(text('flow.css')).toMatch(new RegExp(`\\.${name}[ ,.:>{[]`));
    }
  });
  it('use nothing that Trusted Types or the policy refuse', () => {
    for (const name of ['flow.js', 'portal.js', 'api.js', 'before-paint.js']) {
      expect(text(name)).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(["'](?:style|on)/);
    }
  });
});
