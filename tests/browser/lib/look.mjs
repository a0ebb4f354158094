// Looks at a page: a picture, nothing wider than its window, one main heading, nothing that axe calls serious.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds on the page. The check is a foreign script: the page's policy must be passed (`bypassCSP`). */
export async function axe(page) {
  await page.evaluate(source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => `${v.id} (${v.impact}) ${v.nodes.map((n) => n.html.slice(0, 120)).slice(0, 3).join(" · ")}`);
}

export async function look(page, name) {
  await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: true });
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(content <= window, `${name} is ${content} wide in a window of ${window}`);
  assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1, `${name} has one main heading`);
}
