// Every page that a person meets, in light and dark, on a desktop and a phone: pictures, reach by keyboard, accessibility.
import assert from "node:assert/strict";
import { join } from "node:path";
import { apache, base, check, newPerson } from "./lib/browser.mjs";
import { password, submit, username } from "./lib/forms.mjs";
import { axe } from "./lib/look.mjs";
import { ada } from "./journey.mjs";

const authorize = (client) =>
  `${base}/application/o/authorize/?${new URLSearchParams({ client_id: client, response_type: "code", redirect_uri: `${apache}/bye.html`, scope: "openid email profile" })}`;

const screens = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
};

/** Goes from page to page and hands each to `look(name, page)`. */
async function walk(page, look) {
  await page.goto(`${base}/if/flow/default-authentication-flow/`);
  await username(page).waitFor();
  await look("login", page);
  await username(page).fill(ada.username);
  await submit(page);
  await password(page).waitFor();
  await look("password", page);
  await password(page).fill("not-this-one");
  await submit(page);
  await page.locator("input[name=password][aria-invalid=true]").waitFor();
  await look("password-wrong", page);
  await password(page).fill(ada.password);
  await submit(page);
  await page.waitForURL(/\/if\/user\//);
  await page.getByText("Wiki").first().waitFor();
  await look("library", page);
  await page.goto(authorize("tour-wiki"));
  await page.locator("form:has(input[name=component][value=ak-stage-consent])").waitFor();
  await look("consent", page);
  await page.goto(authorize("tour-vault"));
  await page.getByRole("heading", { level: 1 }).waitFor();
  await look("denied", page);
  await page.goto(authorize("nobody-knows-this-client"));
  await look("error", page);
  await page.goto(`${base}/no-such-page/`);
  await look("not-found", page);
}

async function pictures(browser, screen, colorScheme) {
  const { context, page, wrong } = await newPerson(browser, { ...screens[screen], colorScheme });
  await check(`${screen}, ${colorScheme}: all pages fit their window`, () =>
    walk(page, async (name) => {
      await page.screenshot({ path: join(process.env.SHOTS, `${name}-${screen}-${colorScheme}.png`) });
      const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(content <= window, `${name} is ${content} wide in a window of ${window}`);
      assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1, `${name} has one main heading`);
    }),
  );
  await check(`${screen}, ${colorScheme}: no policy violation, script error, 5xx or foreign host`, () => assert.deepEqual(wrong, []));
  await context.close();
}

async function accessibility(browser, screen, colorScheme) {
  // The check itself is a foreign script, which our policy rightly refuses.
  const { context, page } = await newPerson(browser, { ...screens[screen], colorScheme, bypassCSP: true });
  await check(`${screen}, ${colorScheme}: axe finds nothing serious`, async () => {
    const found = [];
    await walk(page, async (name) => {
      found.push(...(await axe(page)).map((violation) => `${name}: ${violation}`));
    });
    assert.deepEqual(found, []);
  });
  await context.close();
}

/** Tab until `target` has the focus, as somebody without a pointer does. */
async function tabTo(page, target) {
  for (let i = 0; i < 15; i++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error("Tab never came to the field");
}

async function keyboard(browser) {
  const { context, page, wrong } = await newPerson(browser);
  await check("keyboard only: sign-in to the library", async () => {
    await page.goto(`${base}/`);
    await username(page).waitFor();
    await tabTo(page, username(page));
    await page.keyboard.type(ada.username);
    await page.keyboard.press("Enter");
    await password(page).waitFor();
    await tabTo(page, password(page));
    // The ring may be drawn by the box around the input.
    const ring = await password(page).evaluate((element) => {
      for (let box = element; box && box.tagName !== "FORM"; box = box.parentElement) {
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(box);
        if ((outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none") return true;
      }
      return false;
    });
    assert.ok(ring, "the focused field shows it");
    await page.keyboard.type(ada.password);
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/if\/user\//);
    const tile = page.getByRole("link", { name: /wiki/i }).first();
    await tabTo(page, tile);
  });
  await check("keyboard only: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();
}

export async function tour(browser) {
  // A check that failed was printed; the other looks are still worth taking.
  const looks = [
    () => pictures(browser, "desktop", "light"),
    () => pictures(browser, "desktop", "dark"),
    () => pictures(browser, "phone", "light"),
    () => pictures(browser, "phone", "dark"),
    () => accessibility(browser, "desktop", "light"),
    () => accessibility(browser, "phone", "dark"),
    () => keyboard(browser),
  ];
  for (const look of looks) await look().catch(() => {});
}
