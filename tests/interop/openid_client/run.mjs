// The npm package openid-client against one provider of each kind: code flow with PKCE, refresh, userinfo, introspection, revocation, end of the session.
import assert from "node:assert/strict";
import * as client from "openid-client";
import { Person } from "./person.mjs";

const base = process.env.SIGNET_URL;
const credentials = { username: "akadmin", password: process.env.SIGNET_PASSWORD };
const callback = "http://localhost:9/callback";
const goodbye = "http://localhost:9/goodbye";

async function check(what, action) {
  try {
    const value = await action();
    console.log(`ok ${what}`);
    return value;
  } catch (error) {
    const cause = error.cause ? ` ${JSON.stringify(error.cause, null, 0)}` : "";
    console.log(`FAIL ${what}: ${error.code ?? ""} ${error.message.split("\n").slice(0, 6).join(" ")}${cause.slice(0, 500)}`);
    throw error;
  }
}

const rejects = (action, code) =>
  assert.rejects(action, (error) => {
    assert.equal(error.error, code, `${error.message} ${JSON.stringify(error.cause ?? null)}`);
    return true;
  });

async function walk(app) {
  const label = (text) => `${app.slug}: ${text}`;
  const metadata = { id_token_signed_response_alg: app.algorithm };
  if (app.client_secret) metadata.client_secret = app.client_secret;
  const authentication = app.client_secret ? client.ClientSecretBasic(app.client_secret) : client.None();
  const person = new Person(base);

  const config = await check(label("discovery"), () =>
    client.discovery(new URL(app.issuer), app.client_id, metadata, authentication, { execute: [client.allowInsecureRequests] }),
  );
  const begin = async () => {
    const secrets = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: client.randomState(), expectedNonce: client.randomNonce() };
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: callback,
      scope: "openid email profile offline_access",
      code_challenge: await client.calculatePKCECodeChallenge(secrets.pkceCodeVerifier),
      code_challenge_method: "S256",
      state: secrets.expectedState,
      nonce: secrets.expectedNonce,
    });
    return { secrets, url };
  };

  const first = await begin();
  const returned = await check(label("sign-in, consent and way back with a code"), () => person.reach(first.url, callback, credentials));
  const tokens = await check(label(`code exchange with PKCE, id_token by ${app.algorithm}`), async () => {
    const answer = await client.authorizationCodeGrant(config, returned, { ...first.secrets, idTokenExpected: true });
    const claims = answer.claims();
    assert.equal(claims.aud, app.client_id);
    assert.equal(claims.preferred_username, "akadmin");
    assert.ok(answer.refresh_token, "a refresh token");
    return answer;
  });
  const { sub } = tokens.claims();
  await check(label("userinfo"), async () => {
    const info = await client.fetchUserInfo(config, tokens.access_token, sub);
    assert.equal(info.email, "akadmin@example.test");
    assert.ok(info.groups.includes("authentik Admins"));
  });

  const second = await begin();
  const again = await check(label("second sign-in uses the session"), () => person.reach(second.url, callback));
  await check(label("the code needs its own verifier"), () =>
    rejects(client.authorizationCodeGrant(config, again, { ...second.secrets, pkceCodeVerifier: client.randomPKCECodeVerifier() }), "invalid_grant"),
  );

  const fresh = await check(label("refresh"), async () => {
    const answer = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.equal(answer.claims().sub, sub);
    assert.notEqual(answer.refresh_token, tokens.refresh_token, "rotation gives a new refresh token");
    await client.fetchUserInfo(config, answer.access_token, sub);
    return answer;
  });
  if (app.client_secret) {
    await check(label("introspection"), async () => {
      const answer = await client.tokenIntrospection(config, fresh.access_token);
      assert.equal(answer.active, true);
      assert.equal(answer.sub, sub);
    });
  }
  await check(label("revocation"), async () => {
    await client.tokenRevocation(config, fresh.access_token);
    await assert.rejects(client.fetchUserInfo(config, fresh.access_token, sub));
  });
  await check(label("a used refresh token is refused and ends its family"), async () => {
    await rejects(client.refreshTokenGrant(config, tokens.refresh_token), "invalid_grant");
    await rejects(client.refreshTokenGrant(config, fresh.refresh_token), "invalid_grant");
  });

  await check(label("end of the session, back at the application"), async () => {
    assert.equal(await person.signedIn(), true, "signed in before");
    const url = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: goodbye, state: "bye" });
    const end = await person.reach(url, goodbye);
    assert.equal(end.searchParams.get("state"), "bye");
    assert.equal(await person.signedIn(), !app.everywhere, app.everywhere ? "signed out here too" : "still signed in here");
  });
}

let failed = false;
for (const app of JSON.parse(process.env.SIGNET_APPS)) {
  // A step that failed was printed; the other providers are still worth a try.
  await walk(app).catch((error) => {
    failed = true;
    if (process.env.SIGNET_VERBOSE) console.log(error.stack);
  });
}
process.exitCode = failed ? 1 : 0;
