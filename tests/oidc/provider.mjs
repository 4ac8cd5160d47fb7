// A real OpenID provider for the tests: JWT access tokens by client credentials, for any audience.
// node provider.mjs PORT KID  (a new key at every start: starting again is a rotation)
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const [port, kid] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid };
const client = (id, secret) => ({
  client_id: id,
  client_secret: secret,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
});
const groups = { ada: ['astronomers'], grace: ['astronomers', 'operators'], eve: [] };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: Object.keys(groups).map((name) => client(name, `${name}-secret`)),
  jwks: { keys: [key] },
  extraTokenClaims: (_, token) => ({
    groups: groups[token.clientId],
    preferred_username: `${token.clientId}@example.org`,
  }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, audience) => ({
        scope: 'run',
        audience,
        accessTokenTTL: 600,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
