// Builds the browser code into dist/: hashed files, manifest.json (logical name -> file) and a .br sibling per text file.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { defineConfig } from 'vite';

const TEXT = /\.(?:css|js|svg|json)$/;

/** All files below `dir`, with full paths. */
function walk(dir) {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? walk(path) : [path];
  });
}

/** Writes manifest.json and the compressed siblings, so that the server compresses nothing at run time. */
function shipping() {
  return {
    name: 'signet-shipping',
    apply: 'build',
    writeBundle({ dir }, bundle) {
      const manifest = {};
      for (const output of Object.values(bundle)) {
        if (output.type === 'chunk' && output.isEntry) manifest[`${output.name}.js`] = output.fileName;
        if (output.type === 'asset' && output.fileName.endsWith('.css')) {
          const entry = output.fileName.slice(output.fileName.lastIndexOf('/') + 1).split('-')[0];
          manifest[`${entry}.css`] = output.fileName;
        }
      }
      const sorted = Object.fromEntries(Object.entries(manifest).sort(([a], [b]) => (a < b ? -1 : 1)));
      writeFileSync(join(dir, 'manifest.json'), `${JSON.stringify(sorted, null, 2)}\n`);
      for (const path of walk(dir).filter((file) => TEXT.test(file))) {
        const bytes = readFileSync(path);
        writeFileSync(
          `${path}.br`,
          brotliCompressSync(bytes, {
            params: {
              [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
              [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
            },
          }),
        );
      }
    },
  };
}

// The oldest browsers that know light-dark() and relative colours: tokens reach them untouched.
const browsers = ['chrome123', 'edge123', 'firefox128', 'safari17.5'];

export default defineConfig({
  base: '/static/dist/',
  build: {
    target: browsers,
    cssTarget: browsers,
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      input: {
        flow: 'src/flow.ts',
        portal: 'src/portal.ts',
        api: 'src/api.ts',
        'before-paint': 'src/before-paint.ts',
        'flow-style': 'src/styles/flow.css',
        'portal-style': 'src/styles/portal.css',
      },
    },
  },
  plugins: [shipping()],
  test: { include: ['src/**/*.test.ts', 'tests/**/*.test.js'] },
});
