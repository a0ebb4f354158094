// What a person does on the pages: looks for a label or a button and uses it.

const field = (page, label) => page.getByLabel(label).and(page.locator("input:not([type=hidden])")).first();

export const username = (page) => field(page, /username|e-?mail/i);
export const password = (page) => field(page, /^password/i);

/** The one filled button of the card. */
export const go = (page) => page.getByRole("main").locator("form button[type=submit], form button:not([type])").first();

export async function submit(page) {
  await go(page).click();
}

/** Username and password on two pages. */
export async function signIn(page, person) {
  await username(page).fill(person.username);
  await submit(page);
  await password(page).fill(person.password);
  await submit(page);
}

/** Waits until one of the named locators is visible; its name. */
export async function which(locators, timeout = 10_000) {
  const end = Date.now() + timeout;
  while (Date.now() < end) {
    for (const [name, locator] of Object.entries(locators)) {
      if (await locator.isVisible().catch(() => false)) return name;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`none of ${Object.keys(locators).join(", ")} came`);
}
