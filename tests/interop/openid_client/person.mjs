// Somebody with a cookie jar who answers flows by plain HTTP, as a program without a browser does.

export class Person {
  #cookies = new Map();

  constructor(base) {
    this.base = base;
  }

  async request(method, target, body) {
    const headers = { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      // With a live session the server wants proof that one of its own pages sends this.
      if (this.#cookies.has("authentik_csrf")) headers["x-authentik-csrf"] = this.#cookies.get("authentik_csrf");
      headers.referer = `${this.base}/`;
    }
    const answer = await fetch(new URL(target, this.base), { method, headers, body: body === undefined ? undefined : JSON.stringify(body), redirect: "manual" });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return answer;
  }

  async #step(flow, query, body) {
    const target = `/api/v3/flows/executor/${flow}/?query=${encodeURIComponent(query)}`;
    let answer = await this.request(body === undefined ? "GET" : "POST", target, body);
    for (let i = 0; i < 10 && answer.status === 302; i++) answer = await this.request("GET", answer.headers.get("location"));
    if (answer.status !== 200) throw new Error(`the executor answered ${answer.status}: ${(await answer.text()).slice(0, 300)}`);
    return answer.json();
  }

  /** Runs one flow to its redirect; `answers` maps a component to what the person fills in. */
  async #flow(flow, query, answers) {
    let challenge = await this.#step(flow, query);
    for (let i = 0; i < 10; i++) {
      if (challenge.component === "xak-flow-redirect") return challenge.to;
      const answer = answers[challenge.component];
      if (!answer || challenge.response_errors) throw new Error(`stopped at ${JSON.stringify(challenge).slice(0, 400)}`);
      challenge = await this.#step(flow, query, { component: challenge.component, ...answer(challenge) });
    }
    throw new Error(`the flow ${flow} did not end`);
  }

  /** Follows redirects and flows from `target` until one leads to `goal`; the URL there. */
  async reach(target, goal, { username, password } = {}) {
    const answers = {
      "ak-stage-identification": () => ({ uid_field: username }),
      "ak-stage-password": () => ({ password }),
      "ak-stage-user-login": () => ({ remember_me: false }),
      "ak-stage-consent": (challenge) => ({ token: challenge.token }),
    };
    let next = new URL(target, this.base);
    for (let i = 0; i < 15; i++) {
      if (next.href.startsWith(goal)) return next;
      const flow = /^\/if\/flow\/([\w-]+)\//.exec(next.pathname);
      if (flow) {
        // Any page gives a signed-in person the cookie for that proof; the page of the flow itself would already take a step.
        if (this.#cookies.has("authentik_session") && !this.#cookies.has("authentik_csrf")) await this.request("GET", "/if/user/");
        next = new URL(await this.#flow(flow[1], next.search.slice(1), answers), this.base);
        continue;
      }
      const answer = await this.request("GET", next);
      const location = answer.headers.get("location");
      if (!location) throw new Error(`${next.pathname} answered ${answer.status}: ${(await answer.text()).slice(0, 300)}`);
      next = new URL(location, next);
    }
    throw new Error(`never came to ${goal}`);
  }

  async signedIn() {
    return (await this.request("GET", "/api/v3/core/users/me/")).status === 200;
  }
}
