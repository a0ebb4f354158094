// How pages behave where the browser, its settings or the window are not those of the designer. Served by gallery.mjs.
import assert from "node:assert/strict";
import { check } from "./lib/browser.mjs";

/** The number that browsers give to what moves while a page loads. */
async function shift(page) {
  return page.evaluate(
    () =>
      new Promise((done) => {
        let sum = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => (sum += entry.value))).observe({ type: "layout-shift", buffered: true });
        setTimeout(() => done(sum), 400);
      }),
  );
}

async function nothingMoves(browser, base) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await check("appearance: nothing moves while a page loads (pages B16)", async () => {
    for (const name of ["identification", "setup", "email-sent", "library", "security"]) {
      await page.goto(`${base}/${name}.html`);
      // The label of a button that counts down may move by the width of its seconds.
      const moved = await shift(page);
      assert.ok(moved < 0.0005, `${name}: ${moved}`);
    }
  });
  await check("appearance: nothing moves where a page comes in two parts (pages B16)", async () => {
    await page.goto(`${base}/setup.html?halves`);
    const moved = await shift(page);
    assert.ok(moved < 0.0005, String(moved));
  });
  await page.close();
}

/** The text spacing of WCAG 1.4.12. */
const SPACING = "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important } p { margin-block-end: 2em !important }";

async function codesKeepTheirSlots(browser, base) {
  const page = await browser.newPage();
  await check("appearance: digits of a code stay in their slots with the reader's own spacing (pages B17)", async () => {
    await page.goto(`${base}/code.html`);
    const input = page.locator(".otp input").first();
    const pitch = () => input.evaluate((element) => getComputedStyle(element).letterSpacing);
    const before = await pitch();
    // A box that can be scrolled would move all digits when the last one is typed.
    assert.equal(await page.locator(".otp__clip").first().evaluate((element) => getComputedStyle(element).overflowX), "clip");
    await page.addStyleTag({ content: SPACING });
    assert.equal(await pitch(), before);
    await page.emulateMedia({ forcedColors: "active" });
    assert.equal(await input.evaluate((element) => getComputedStyle(element).forcedColorAdjust), "none");
  });
  await page.close();
}

async function oldBrowsers(browser, base) {
  const page = await browser.newPage();
  await check("appearance: without light-dark() there are black words on a white card, and no rosette (pages B18)", async () => {
    await page.route("**/*.css", async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, body: (await answer.text()).replaceAll("light-dark(", "unknown-function(") });
    });
    for (const [name, box] of [["identification", ".card"], ["library", ".tile"], ["error", ".panel"]]) {
      await page.goto(`${base}/${name}.html`);
      const [fill, ink] = await page.locator(box).first().evaluate((element) => [getComputedStyle(element).backgroundColor, getComputedStyle(element).color]);
      assert.deepEqual([fill, ink], ["rgb(255, 255, 255)", "rgb(0, 0, 0)"], name);
      assert.equal(await page.locator(".rosette:visible").count(), 0, name);
    }
    // Without any styles the drawings have the size that their markup says.
    await page.unroute("**/*.css");
    await page.route("**/*.css", (route) => route.abort());
    await page.goto(`${base}/identification.html`);
    const widest = await page.locator("svg").evaluateAll((all) => Math.max(...all.map((svg) => svg.getBoundingClientRect().width)));
    assert.ok(widest <= 64, `${widest} px`);
  });
  await page.close();
}

async function smallWindows(browser, base) {
  await check("appearance: no engraving behind the words of a small window (pages B19)", async () => {
    for (const [width, height, names] of [[320, 200, ["identification", "password"]], [390, 844, ["setup-totp", "setup-codes", "consent"]]]) {
      const page = await browser.newPage({ viewport: { width, height } });
      for (const name of names) {
        await page.goto(`${base}/${name}.html`);
        assert.equal(await page.locator(".rosette:visible").count(), 0, `${name} at ${width} × ${height}`);
      }
      await page.close();
    }
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.goto(`${base}/identification.html`);
    assert.equal(await page.locator(".rosette:visible").count(), 1, "there is one where there is room");
    await page.close();
  });
}

async function menus(browser, base) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await check("appearance: the account menu goes by arrow keys and closes when it is left (pages B21, B20)", async () => {
    for (const name of ["library", "security", "error", "api"]) {
      await page.goto(`${base}/${name}.html`);
      const menu = page.locator("details.who-menu");
      await menu.locator("summary").focus();
      await page.keyboard.press("ArrowDown");
      assert.ok(await menu.evaluate((element) => element.open), name);
      const at = () => page.evaluate(() => document.activeElement.textContent.trim());
      assert.equal(await at(), "API browser", name);
      await page.keyboard.press("ArrowUp");
      assert.equal(await at(), "Sign out", name);
      await page.keyboard.press("Tab");
      assert.equal(await menu.evaluate((element) => element.open), false, `${name}: open after Tab`);
      await menu.locator("summary").click();
      await page.keyboard.press("Escape");
      assert.equal(await menu.evaluate((element) => element.open), false, `${name}: open after Escape`);
    }
    assert.ok(await page.locator("details.who-menu").getByText("Light and dark").count(), "the colours have a heading");
  });
  await page.close();
}

async function waiting(browser, base) {
  const page = await browser.newPage();
  await check("appearance: Send again counts down and is possible then (pages B11)", async () => {
    await page.clock.install();
    await page.goto(`${base}/email-sent.html`);
    const button = page.locator("button[data-wait]");
    assert.match(await button.innerText(), /^Send again in 0:4\d$/);
    assert.ok(await button.isDisabled());
    await page.clock.runFor(50_000);
    assert.equal(await button.innerText(), "Send again");
    assert.ok(await button.isEnabled());
  });
  await page.close();
}

async function strength(browser, base) {
  const page = await browser.newPage();
  await check("appearance: the bar of a new password follows what is typed (pages B3)", async () => {
    await page.goto(`${base}/setup.html`);
    const [input, bar, help] = [page.locator("#f-password"), page.locator("[data-strength]"), page.locator("#f-password-help")];
    const before = await help.innerText();
    for (const [typed, marks, words] of [["abc", 0, "3 characters of at least 8."], ["password1234", 1, "Easy to guess, 12 characters."], ["an-ink-seal-on-paper", 4, "Strong, 20 characters."]]) {
      await input.fill(typed);
      assert.equal(await bar.locator("i.on").count(), marks, typed);
      assert.equal(await help.innerText(), words);
    }
    await input.fill("");
    assert.equal(await help.innerText(), before);
  });
  await page.close();
}

async function recent(browser, base) {
  const page = await browser.newPage();
  await check("library: what was used last stands in front, and not among the hits of a search (pages B22)", async () => {
    await page.goto(`${base}/library.html`);
    const front = page.locator("[data-front=recent]");
    assert.equal(await front.locator("a.tile").count(), 2);
    await page.locator("input[name=q]").fill("wiki");
    assert.equal(await front.isVisible(), false);
    assert.equal(await page.locator("a.tile:visible").count(), 1);
    assert.equal(await page.locator("[data-front=favourites]").isVisible(), false);
    await page.locator("input[name=q]").fill("");
    assert.equal(await front.isVisible(), true);
  });
  await page.close();
}

/** Answers the posts of the library, and keeps what was sent. */
async function posts(page, status) {
  const sent = [];
  await page.route("**/if/user/", (route) => {
    sent.push(new URLSearchParams(route.request().postData() ?? "").toString());
    return route.fulfill({ status });
  });
  return sent;
}

async function choices(browser, base) {
  const page = await browser.newPage();
  const names = (id) => page.locator(`#${id} .tile__t b`).allInnerTexts();
  await check("library: F marks a favourite and takes it back, the focus stays (pages B22)", async () => {
    const sent = await posts(page, 204);
    await page.goto(`${base}/library.html`);
    const before = await names("favourites");
    const tile = page.locator("#group-1 a.tile").filter({ hasText: "Grafana" });
    await tile.focus();
    await page.keyboard.press("f");
    assert.deepEqual(await names("favourites"), [...before, "Grafana"]);
    assert.equal(await page.locator("#favourites .count").innerText(), String(before.length + 1));
    // The copy in front is one more button of the same application.
    const copy = page.locator("#favourites a.tile").filter({ hasText: "Grafana" });
    await copy.focus();
    await page.keyboard.press("f");
    assert.deepEqual(await names("favourites"), before);
    assert.ok(await tile.evaluate((element) => element === document.activeElement), "the focus is lost");
    assert.deepEqual(sent.map((text) => text.split("&")[1].split("=")[0]), ["star", "unstar"]);
    await page.unroute("**/if/user/");
    await posts(page, 403);
    await page.keyboard.press("f");
    await page.locator("[data-announce]").getByText("That was not saved.").waitFor({ state: "attached" });
    assert.deepEqual(await names("favourites"), before, "what was not kept is taken back");
  });
  await check("library: the view changes at once (pages B22)", async () => {
    await page.unroute("**/if/user/");
    const sent = await posts(page, 204);
    await page.goto(`${base}/library.html`);
    const width = () => page.locator("#group-0 li").first().evaluate((element) => element.getBoundingClientRect().width);
    const tile = await width();
    await page.getByRole("button", { name: "List" }).click();
    assert.ok((await width()) > 2 * tile);
    assert.deepEqual(sent, ["csrf=sample&view=list"]);
  });
  await page.close();
}

async function settings(browser, base) {
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  await check("settings: what is not saved is counted, saved by Ctrl S and discarded (pages B20)", async () => {
    await page.goto(`${base}/security.html`);
    const bar = page.locator("[data-savebar]");
    assert.equal(await bar.isVisible(), false);
    assert.equal(await page.locator("[data-without-script]:visible").count(), 0);
    await page.locator("#f-name").fill("Mara L.");
    assert.equal((await bar.locator("p").innerText()).replace(/\s+/g, " "), "1 unsaved change Name");
    const [top, places] = await Promise.all([bar.boundingBox(), page.locator(".places").boundingBox()]);
    assert.ok(top.y + top.height <= places.y, "the bar lies under the places");
    await bar.getByRole("button", { name: "Discard" }).click();
    assert.equal(await bar.isVisible(), false);
    assert.equal(await page.locator("#f-name").inputValue(), "Mara Lindqvist");
    await page.locator("#f-name").fill("Mara L.");
    const posted = page.waitForRequest((request) => request.method() === "POST");
    await page.route("**/if/user/security/", (route) => route.fulfill({ contentType: "text/html", body: "<h1>saved</h1>" }));
    await page.keyboard.press("Control+s");
    assert.equal(new URLSearchParams((await posted).postData()).get("name"), "Mara L.");
    await page.getByRole("heading", { name: "saved" }).waitFor();
  });
  await check("settings: the section that is read is marked in the list (pages B20)", async () => {
    await page.goto(`${base}/security.html`);
    const current = () => page.locator("[data-sections] [aria-current]").innerText();
    assert.equal(await current(), "Profile");
    await page.locator("[data-sections] a", { hasText: "Tokens" }).click();
    await page.waitForFunction(() => document.querySelector("[data-sections] [aria-current]")?.textContent === "Tokens");
  });
  await page.close();
}

export async function appearance(browser, base) {
  for (const look of [nothingMoves, codesKeepTheirSlots, oldBrowsers, smallWindows, menus, waiting, strength, recent, choices, settings]) await look(browser, base).catch(() => {});
}
