// A real OpenID Connect provider for the tests: whoever types a name and any password is that person.
// It is told its people as JSON on the command line, and prints the address at which it listens.

import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const { people, clients } = JSON.parse(process.argv[2]);

const server = createServer((request, response) => provider.callback()(request, response));
let provider;

server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  provider = new Provider(issuer, {
    clients,
    claims: { openid: ["sub"], email: ["email"], profile: ["name", "preferred_username"], groups: ["groups"] },
    scopes: ["openid", "email", "profile", "groups"],
    cookies: { keys: ["of no secret"] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    renderError: (context, out) => {
      context.type = "application/json";
      context.body = JSON.stringify(out);
    },
  });
  console.log(`listening at ${issuer}`);
});
