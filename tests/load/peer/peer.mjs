// The peer of the bench: oidc-provider with its own memory adapter, one client for each algorithm, nobody asked anything.
// node peer.mjs <port>
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const kinds = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519', {}] };

const jwk = ([alg, [kind, options]]) => ({ ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg });
const client = (alg) => ({
  client_id: `bench-${alg.toLowerCase()}`,
  client_secret: 'bench-secret-0123456789-0123456789',
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  redirect_uris: ['http://localhost:9/cb'],
  response_types: ['code'],
  id_token_signed_response_alg: alg,
});

const provider = new Provider(issuer, {
  clients: Object.keys(kinds).map(client),
  jwks: { keys: Object.entries(kinds).map(jwk) },
  cookies: { keys: ['a key of the bench'] },
  enabledJWA: { idTokenSigningAlgValues: Object.keys(kinds) },
  pkce: { required: () => false },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  ttl: { Grant: 7200, Session: 7200, Interaction: 600, AccessToken: 7200, ClientCredentials: 600, IdToken: 600, RefreshToken: 7200 },
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, email: 'bench@example.test', email_verified: false, name: 'bench' }) }),
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  interactions: { url: async (ctx, interaction) => `/interaction/${interaction.uid}` },
  async loadExistingGrant(ctx) {
    const { oidc } = ctx;
    const known = oidc.session.grantIdFor(oidc.client.clientId);
    if (known) return provider.Grant.find(known);
    const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid email profile offline_access');
    await grant.save();
    return grant;
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: async (ctx) => (ctx.oidc.params?.grant_type === 'client_credentials' ? 'urn:bench' : undefined),
      getResourceServerInfo: async (ctx, resource, who) => ({ scope: 'api', audience: resource, accessTokenTTL: 600, accessTokenFormat: 'jwt', jwt: { sign: { alg: who.idTokenSignedResponseAlg } } }),
    },
  },
});
provider.on('server_error', (ctx, error) => console.error(error));

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  ctx.respond = false;
  ctx.res.statusCode = 200;
  return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: 'bench' } }, { mergeWithLastSubmission: false });
});
provider.listen(port, '127.0.0.1', () => console.log(`ready ${issuer}`));
