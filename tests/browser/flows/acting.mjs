// An administrator looks at the system as somebody else does, sees so on every page, and stops it there.
import assert from "node:assert/strict";
import { api, newUser, sessionApi } from "../lib/api.mjs";
import { base, check, newPerson } from "../lib/browser.mjs";
import { signIn } from "../lib/forms.mjs";
import { axe, look } from "../lib/look.mjs";
import { heading, library } from "./second-factor.mjs";

async function begin(browser, boss, person, settings) {
  const one = await newPerson(browser, settings);
  await one.page.goto(`${base}/if/flow/default-authentication-flow/?next=/if/user/`);
  await signIn(one.page, boss);
  await library(one.page);
  await sessionApi(one.context)("POST", `/core/users/${person.pk}/impersonate/`, { reason: "The library looks odd" });
  await one.page.goto(`${base}/if/user/`);
  return one;
}

export async function acting(browser) {
  const admins = (await api("GET", "/core/groups/?is_superuser=true")).results[0];
  const boss = await newUser("boss-acting", { groups: [admins.pk] });
  const ada = await newUser("ada-acting");
  const bar = (page) => page.getByRole("form", { name: "Acting as somebody else" });

  const { context, page, wrong } = await begin(browser, boss, ada);
  await check("acting: the library says as whom, and under which name it is recorded", async () => {
    assert.match(await bar(page).innerText(), /You are looking at .* as ada-acting\..*boss-acting/s);
    await look(page, "acting");
  });
  await check("acting: every page of the person says so, and nothing of the administration is open", async () => {
    await page.goto(`${base}/if/user/security/`);
    await bar(page).waitFor();
    assert.equal((await context.request.get(`${base}/api/v3/core/users/`)).status(), 403);
  });
  await check("acting: the button ends it, and the session is the administrator's", async () => {
    await bar(page).getByRole("button", { name: /^Back to / }).click();
    await heading(page, "First steps").waitFor();
    assert.equal(await bar(page).count(), 0);
    const me = await sessionApi(context)("GET", "/core/users/me/");
    assert.deepEqual([me.user.username, me.original], ["boss-acting", undefined]);
  });
  await check("acting: no policy violation, script error, 5xx or foreign host", () => assert.deepEqual(wrong, []));
  await context.close();

  const phone = await begin(browser, boss, ada, { bypassCSP: true, colorScheme: "dark", viewport: { width: 360, height: 740 } });
  await check("acting: on a phone in the dark nothing is too wide, and axe finds nothing serious", async () => {
    await look(phone.page, "acting-phone-dark");
    assert.deepEqual(await axe(phone.page), []);
  });
  await phone.context.close();

  const plain = await begin(browser, boss, ada, { javaScriptEnabled: false });
  await check("acting: it stops without script", async () => {
    await bar(plain.page).getByRole("button", { name: /^Back to / }).click();
    await heading(plain.page, "First steps").waitFor();
    assert.equal(await bar(plain.page).count(), 0);
  });
  await plain.context.close();
}
