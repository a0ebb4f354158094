// node oidc_provider.mjs <port> <redirect URI> <client>…: oidc-provider (npm) as the server of a source. Whoever comes chooses
// an account, and agrees. `{slug}` in the redirect URI stands for the client, whose name is the way it authenticates, perhaps
// with an ending: `client_secret_post-2`.
import Provider from 'oidc-provider';

const [port, redirect, ...clients] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const people = {
  ada: { email: 'ada@up.test', email_verified: true, name: 'Ada Lovelace', preferred_username: 'ada', groups: ['crew'] },
  bob: { email: 'bob@up.test', email_verified: true, name: 'Bob Noyce', preferred_username: 'bob' },
  nameless: { email: 'nameless@up.test', email_verified: false, name: 'Grace Hopper' },
};

const provider = new Provider(issuer, {
  clients: clients.map((client) => ({
    client_id: client,
    client_secret: 'a secret of the interop tests, 0123456789',
    redirect_uris: [redirect.replace('{slug}', client)],
    token_endpoint_auth_method: client.split('-')[0],
  })),
  cookies: { keys: ['a key of the interop tests'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username', 'groups'] },
  findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people[id.replace('number-of-', '')] }) }),
  interactions: { url: async (_, interaction) => `/interaction/${interaction.uid}` },
  pkce: { required: () => true },
  async loadExistingGrant({ oidc }) {
    const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid email profile');
    await grant.save();
    return grant;
  },
  features: { devInteractions: { enabled: false } },
});
provider.on('server_error', (_, error) => console.error(error));
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const chosen = people[ctx.query.as] ? ctx.query.as : undefined;
  if (!chosen) {
    ctx.type = 'text/html';
    ctx.body = `<!doctype html><title>Who are you?</title><h1>Who are you?</h1>${Object.keys(people).map((name) => `<p><a href="${ctx.path}?as=${name}">${name}</a>`).join('')}`;
    return;
  }
  ctx.respond = false;
  ctx.res.statusCode = 200;
  const login = { accountId: `number-of-${chosen}` };
  return provider.interactionFinished(ctx.req, ctx.res, { login }, { mergeWithLastSubmission: false });
});
provider.listen(Number(port), '127.0.0.1', () => console.log(`ready ${issuer}`));
