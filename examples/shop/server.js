// A small real shop: pages, a JSON API, orders kept in a file, live stock over server-sent events.
// No dependencies: `node server.js --port 3000`. See teal.yaml beside it for how it is deployed.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { checkout } from "./checkout.js";
import { openOrders } from "./orders.js";

const release = JSON.parse(readFileSync(new URL("./release.json", import.meta.url), "utf8"));
const page = readFileSync(new URL("./page.html", import.meta.url), "utf8");
const products = JSON.parse(readFileSync(new URL("./products.json", import.meta.url), "utf8"));
const orders = openOrders(process.env);

const slot = process.env.TEAL_SLOT ?? "none";
const port = Number(argument("--port") ?? process.env.PORT ?? 3000);
const streams = new Set();
let requests = 0;
let inFlight = 0;

const routes = {
  "GET /": (_, response) =>
    html(
      response,
      page
        .replaceAll("{version}", release.version)
        .replaceAll("{colour}", release.colour)
        .replaceAll("{slot}", slot),
    ),
  "GET /health": (_, response) => json(response, 200, { ok: true, version: release.version }),
  "GET /health/db": async (_, response) => {
    const problem = await orders.problem();
    if (problem === undefined) json(response, 200, { database: "connected" });
    else json(response, 503, { database: problem });
  },
  "GET /metrics": (_, response) => {
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
    response.end(`shop_requests_total ${requests}\nshop_requests_in_flight ${inFlight}\n`);
  },
  "GET /api/products": (_, response) => json(response, 200, products),
  "POST /api/checkout": async (request, response) => {
    const order = checkout(await body(request), products);
    await orders.add(order);
    json(response, 201, order);
  },
  "GET /events": (request, response) => {
    response.writeHead(200, {
      ...identity(),
      "content-type": "text/event-stream",
      "cache-control": "no-store",
    });
    response.write(`retry: 100\nevent: hello\ndata: ${JSON.stringify(release)}\n\n`);
    streams.add(response);
    request.on("close", () => streams.delete(response));
  },
};

const server = createServer(async (request, response) => {
  const path = new URL(request.url, "http://shop").pathname;
  const route = routes[`${request.method} ${path}`];
  count(path, response);
  if (route === undefined) return json(response, 404, { error: `no ${request.method} ${path} here` });
  try {
    await route(request, response);
  } catch (error) {
    console.error(`${request.method} ${path}: ${error.message}`);
    json(response, error.status ?? 500, { error: error.message });
  }
});

const stock = setInterval(() => {
  const product = products[Math.floor(Math.random() * products.length)];
  const data = JSON.stringify({
    product: product.name,
    left: 1 + Math.floor(Math.random() * 40),
    version: release.version,
  });
  for (const stream of streams) stream.write(`event: stock\ndata: ${data}\n\n`);
}, 250);

server.listen(port, process.env.HOST ?? "127.0.0.1", () =>
  console.log(`shop ${release.version} (${slot}) listens on ${server.address().port}`),
);

process.on("SIGTERM", () => {
  clearInterval(stock);
  for (const stream of streams) stream.end();
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  // Who keeps a connection and asks once more is answered, and told to come back over another one.
  server.prependListener("request", (_, response) => response.setHeader("connection", "close"));
});

/** Users' requests, not those that look after the shop. */
function count(path, response) {
  if (path === "/metrics" || path.startsWith("/health")) return;
  requests += 1;
  inFlight += 1;
  response.on("close", () => (inFlight -= 1));
}

function identity() {
  return { "x-shop-version": release.version };
}

function html(response, text) {
  response.writeHead(200, { ...identity(), "content-type": "text/html; charset=utf-8" });
  response.end(text);
}

function json(response, status, value) {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    ...identity(),
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

function argument(name) {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}
