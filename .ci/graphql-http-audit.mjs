// Runs the audits of the GraphQL over HTTP specification (npm graphql-http) against a running server.
//
//     npm ci --prefix .ci
//     node .ci/graphql-http-audit.mjs http://127.0.0.1:8080/graphql
//
// Every audit that is not "ok" is printed, notices of optional rules included, and makes the exit status 1. The server
// must answer introspection: one of the audits asks for __type.
import { auditServer } from 'graphql-http';

const url = process.argv[2];
if (!url) {
  console.error('usage: node graphql-http-audit.mjs URL');
  process.exit(2);
}

const results = await auditServer({ url }).catch((error) => {
  console.error(`${url} does not answer: ${error.cause?.message ?? error.message}`);
  process.exit(1);
});
const failed = results.filter((result) => result.status !== 'ok');
for (const { status, id, name, reason } of failed) console.log(`${status} ${id} ${name}: ${reason}`);
console.log(`${results.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 && results.length > 0 ? 0 : 1;
