// The whole life of a session, by a client that openapi-typescript and openapi-fetch make of our
// document. Strictly type-checked; nothing of it is patched.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

const [url, password, notebook] = process.argv.slice(2) as [string, string, string];
const kinds = "https://www.purl.org/ivoa.net/Calycopis-openapi/schema/v1.0/kinds";
const credentials = btoa(`admin:${password}`);
const client = createClient<paths>({
  baseUrl: url,
  headers: { Authorization: `Basic ${credentials}` },
});

function check(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

const request: components["schemas"]["ExecutionRequest"] = {
  executable: {
    kind: `${kinds}/executable/jupyter-notebook.yaml`,
    location: notebook,
    mode: "BATCH",
    checks: { size: 10, sha256: "0".repeat(64) },
  },
  compute: {
    kind: `${kinds}/compute/simple-compute-resource.yaml`,
    cores: { min: 1 },
    memory: { min: 1 },
  },
  schedule: { requested: { duration: "PT1H" } },
};

async function offered(): Promise<string> {
  const { data, response } = await client.POST("/requests", { body: request });
  check(response.status === 200 && data, "a request is answered through its redirect");
  check(data.result === "YES", JSON.stringify(data.meta?.messages));
  const offer = data.offers?.[0];
  check(offer?.phase === "OFFERED", "an offer is offered");
  check(offer.compute?.kind && offer.compute.cores?.min === 1, "with what was asked for");
  const uuid = offer.meta?.uuid;
  check(uuid, "an offer has a uuid");
  return uuid;
}

async function enter(uuid: string, value: string): Promise<string | undefined> {
  const { data, error } = await client.POST("/sessions/{uuid}", {
    params: { path: { uuid } },
    body: { kind: "uri:enum-value-update", path: "phase", value },
  });
  check(data, JSON.stringify(error));
  return data.phase;
}

async function reached(uuid: string, phase: string): Promise<void> {
  for (let looks = 0; looks < 60; looks += 1) {
    const { data } = await client.GET("/sessions/{uuid}", {
      params: { path: { uuid }, header: { Prefer: "wait=2" } },
    });
    check(data, "a session can be read");
    check(data.phase !== "FAILED", JSON.stringify(data.meta?.messages));
    if (data.phase === phase) return;
  }
  throw new Error(`${phase} was not reached`);
}

const uuid = await offered();
check((await enter(uuid, "ACCEPTED")) === "ACCEPTED", "an offer can be accepted");
await reached(uuid, "COMPLETED");

const results = await client.GET("/sessions/{uuid}/results", { params: { path: { uuid } } });
const kept = results.data?.results?.[0];
check(kept, "there is a result");
const result = await client.GET("/sessions/{uuid}/results/{path}", {
  params: { path: { uuid, path: kept.path } },
  parseAs: "text",
});
check(result.data === "42\n", "a result can be fetched");
const stdout = await client.GET("/streams/{uuid}/stdout", {
  params: { path: { uuid } },
  parseAs: "text",
});
check(stdout.data === "hello from the script\n", "a stream can be read");

const log = await client.GET("/sessions/{uuid}/events", { params: { path: { uuid } } });
check(log.data && typeof log.data !== "string", "a log comes as pages unless a stream is asked for");
check(log.data.events?.[0]?.number === 1, "there is a log");
const list = await client.GET("/sessions", { params: { query: { phase: ["COMPLETED"] } } });
check(list.data?.sessions?.[0]?.uuid === uuid, "the session is in the list");

const other = await offered();
check((await enter(other, "CANCELLED")) === "CANCELLED", "an offer can be given up");
const refused = await client.POST("/sessions/{uuid}", {
  params: { path: { uuid: other } },
  body: { kind: "uri:enum-value-update", path: "phase", value: "ACCEPTED" },
});
check(refused.response.status === 409 && refused.error, "what is over stays so");
const direct = await client.POST("/direct", { body: request });
check(direct.data?.meta?.uuid, "execution can be asked for directly");
await reached(direct.data.meta.uuid, "COMPLETED");
console.log("all is well");
