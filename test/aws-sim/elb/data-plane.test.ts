import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { Resolver } from "node:dns/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import {
  forward,
  get,
  openStage,
  shop,
  type Answered,
  type Machine,
  type Shop,
  type Stage,
} from "./testing.ts";

/* What clients meet: nodes on real sockets, rules, cookies, and what happens while they change. */

let stage: Stage;
let it: Shop;
let blue: Machine;
let green: Machine;

beforeEach(async () => {
  stage = await openStage();
  it = shop(stage);
  await stage.elb.ready();
  [blue, green] = [await stage.machine("i-blue"), await stage.machine("i-green")];
  stage.elb.targets.register(it.blue, { id: "i-blue" });
  stage.elb.targets.register(it.green, { id: "i-green" });
  await stage.until(
    () =>
      stage.elb.targets.health(it.blue, "i-blue")?.state === "healthy" &&
      stage.elb.targets.health(it.green, "i-green")?.state === "healthy",
  );
  return () => stage.close();
});

const addresses = () => stage.elb.nodes("shop-alb").map(({ address }) => address);
const first = () => addresses()[0]!;
const route = (action: unknown) =>
  stage.call("ModifyListener", { ListenerArn: it.listener, DefaultActions: [action] });
const rule = (Priority: number, Conditions: unknown[], action: unknown = says(`rule ${Priority}`)) =>
  stage.call<Answered>("CreateRule", { ListenerArn: it.listener, Priority, Conditions, Actions: [action] })
    .Rules[0]!.RuleArn;
const says = (MessageBody: string) => ({
  Type: "fixed-response",
  FixedResponseConfig: { StatusCode: "200", ContentType: "text/plain", MessageBody },
});
const cookies = (headers: http.IncomingHttpHeaders) =>
  Object.fromEntries(
    (headers["set-cookie"] ?? []).map((each) => each.split(";")[0]!.split(/=(.*)/s).slice(0, 2)),
  );
const cookieHeader = (all: Readonly<Record<string, string>>) =>
  Object.entries(all)
    .map(([name, value]) => `${name}=${value}`)
    .join("; ");

describe("nodes", () => {
  test("each node applies a change after its own delay; a change overtaken by another is never undone", async () => {
    expect(addresses()).toHaveLength(2);
    stage.elb.delays("shop-alb", [1_000, 30_000]);
    stage.elb.shift(it.rule, { "shop-blue": 0, "shop-green": 1 });
    expect(stage.elb.nodes("shop-alb").map(({ current }) => current)).toEqual([false, false]);
    await stage.until(() => stage.elb.nodes("shop-alb")[0]!.current);
    expect(await Promise.all(addresses().map(async (each) => (await get(each)).body))).toEqual([
      "i-green",
      "i-blue",
    ]);
    await stage.elb.converged("shop-alb");
    expect(await Promise.all(addresses().map(async (each) => (await get(each)).body))).toEqual([
      "i-green",
      "i-green",
    ]);
    stage.elb.shift(it.rule, { "shop-blue": 1, "shop-green": 0 });
    stage.elb.delays("shop-alb", [0]);
    stage.elb.shift(it.rule, { "shop-blue": 0, "shop-green": 1 });
    await stage.world.clock.sleep(40_000);
    expect(await Promise.all(addresses().map(async (each) => (await get(each)).body))).toEqual([
      "i-green",
      "i-green",
    ]);
  });

  test("a request on its way is completed by the rules it came under; the next one on its connection is not", async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const held = Promise.withResolvers<void>();
    blue.answer = (_request, response) => void held.promise.then(() => response.end("i-blue"));
    const waiting = get(first(), { agent });
    await stage.until(() => blue.requests === 1);
    stage.elb.shift(it.rule, { "shop-blue": 0, "shop-green": 1 });
    const next = get(first(), { agent });
    held.resolve();
    expect([(await waiting).body, (await next).body]).toEqual(["i-blue", "i-green"]);
    agent.destroy();
  });

  test("no request fails while 30 changes reach the nodes at different times", async () => {
    stage.elb.delays("shop-alb", [100, 3_000]);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    const statuses = new Map<number, number>();
    let changing = true;
    const clients = [...addresses(), ...addresses()].map(async (address) => {
      while (changing) {
        const { status } = await get(address, { agent });
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    for (let change = 0; change < 30; change += 1) {
      stage.elb.shift(it.rule, { "shop-blue": change % 2, "shop-green": 1 - (change % 2) });
      await stage.elb.converged("shop-alb");
    }
    changing = false;
    await Promise.all(clients);
    agent.destroy();
    expect([...statuses.keys()]).toEqual([200]);
    expect(blue.requests + green.requests).toBe(statuses.get(200));
    expect(Math.min(blue.requests, green.requests)).toBeGreaterThan(0);
  });

  test("the DNS name resolves to the nodes, turned with every answer; one more node is found there", async () => {
    const resolver = new Resolver();
    resolver.setServers([stage.elb.nameServer]);
    const [balancer] = stage.call<Answered>("DescribeLoadBalancers", {}).LoadBalancers;
    const answers = [await resolver.resolve4(balancer!.DNSName), await resolver.resolve4(balancer!.DNSName)];
    expect(answers.map((each) => each.toSorted())).toEqual([addresses().toSorted(), addresses().toSorted()]);
    expect(answers[0]).not.toEqual(answers[1]);
    stage.elb.alias("shop.example", "shop-alb");
    const node = await stage.elb.addNode("shop-alb");
    expect(await resolver.resolve4("shop.example")).toContain(node.address);
    expect((await get(node.address)).body).toBe("i-blue");
    await stage.elb.removeNode("shop-alb", node.address);
    expect(await resolver.resolve4("shop.example")).not.toContain(node.address);
    await expect(resolver.resolve4("nobody.example")).rejects.toMatchObject({ code: "ENOTFOUND" });
  });

  test("counters: by target group, node and kind of answer", async () => {
    const [one, two] = addresses();
    await get(one!);
    await get(two!);
    blue.answer = (_request, response) => response.writeHead(500).end();
    await get(one!);
    expect([
      stage.elb.requests("shop-blue"),
      stage.elb.requests(it.blue, one),
      stage.elb.requests(it.green),
    ]).toEqual([3, 2, 0]);
    const counted = stage.elb
      .counted()
      .filter(({ node, targetGroup }) => node === one && targetGroup === it.blue);
    expect(counted.reduce((sum, { answers }) => sum + answers[4], 0)).toBe(1);
    expect(counted.reduce((sum, { timed }) => sum + timed, 0)).toBe(2);
    route(forward({ [it.blue]: 0 }));
    expect((await get(one!)).status).toBe(503);
    expect(stage.elb.counted().some(({ own }) => own.get(503) === 1)).toBe(true);
  });

  test("a deleted listener's port is closed; a kept connection gets its answer and ends", async () => {
    const agent = new http.Agent({ keepAlive: true });
    const held = Promise.withResolvers<void>();
    blue.answer = (_request, response) => void held.promise.then(() => response.end("last"));
    const waiting = get(first(), { agent });
    await stage.until(() => blue.requests === 1);
    stage.call("DeleteListener", { ListenerArn: it.listener });
    held.resolve();
    expect((await waiting).body).toBe("last");
    await expect(get(first())).rejects.toMatchObject({ code: "ECONNREFUSED" });
    agent.destroy();
  });
});

describe("rules", () => {
  test.each<[string, object, http.RequestOptions, http.RequestOptions]>([
    [
      "host",
      { Field: "host-header", Values: ["*.Shop.example"] },
      { headers: { host: "A.shop.example:80" } },
      { headers: { host: "shop.example" } },
    ],
    ["path", { Field: "path-pattern", Values: ["/Cart/?"] }, { path: "/Cart/1?x=y" }, { path: "/cart/1" }],
    [
      "header",
      { Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "X-Probe", Values: ["gr*"] } },
      { headers: { "x-probe": "Green" } },
      {},
    ],
    [
      "query",
      { Field: "query-string", QueryStringConfig: { Values: [{ Key: "v", Value: "2*" }] } },
      { path: "/?a=1&v=21" },
      { path: "/?a=2" },
    ],
    ["method", { Field: "http-request-method", Values: ["POST"] }, { method: "POST" }, { method: "GET" }],
    [
      "source",
      { Field: "source-ip", Values: ["127.0.0.1/32"] },
      { localAddress: "127.0.0.1" },
      { localAddress: "127.0.0.2" },
    ],
  ])("a condition on %s", async (_name, condition, matching, other) => {
    rule(1, [condition]);
    expect((await get(first(), matching)).body).toBe("rule 1");
    expect((await get(first(), other)).body).toBe("i-blue");
  });

  test("all conditions of a rule, one value of each; the first rule by priority wins", async () => {
    rule(20, [{ Field: "path-pattern", Values: ["/a*"] }]);
    rule(10, [
      { Field: "path-pattern", Values: ["/a", "/ab"] },
      { Field: "http-request-method", Values: ["GET"] },
    ]);
    const bodies = ["/a", "/ab", "/abc", "/b"].map(async (path) => (await get(first(), { path })).body);
    expect(await Promise.all(bodies)).toEqual(["rule 10", "rule 10", "rule 20", "i-blue"]);
    expect((await get(first(), { path: "/a", method: "DELETE" })).body).toBe("rule 20");
  });

  test("weights share requests out; a weight of 0 gets none", async () => {
    for (let count = 0; count < 20; count += 1) expect((await get(first())).body).toBe("i-blue");
    route(forward({ [it.blue]: 30, [it.green]: 10 }));
    const before = blue.requests;
    for (let count = 0; count < 200; count += 1) await get(first());
    // Drawn by a seed: the same every time, and within four deviations of 50.
    expect(green.requests).toBeGreaterThan(25);
    expect(green.requests).toBeLessThan(75);
    expect(blue.requests - before + green.requests).toBe(200);
  });

  test("no group stands in for a chosen one without targets: 503", async () => {
    stage.call("ModifyTargetGroupAttributes", {
      TargetGroupArn: it.green,
      Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: "0" }],
    });
    await stage.elb.targets.deregister(it.green, "i-green");
    route(forward({ [it.blue]: 0, [it.green]: 1 }));
    expect((await get(first())).status).toBe(503);
  });

  test("a redirect keeps what it does not name", async () => {
    route({ Type: "redirect", RedirectConfig: { Protocol: "HTTPS", Port: "443", StatusCode: "HTTP_301" } });
    const { status, headers } = await get(first(), { path: "/a/b?c=d", headers: { host: "shop.example" } });
    expect([status, headers.location]).toEqual([301, "https://shop.example:443/a/b?c=d"]);
  });

  test("HTTPS with a certificate for the load balancer's name; authentication is kept and answered", async () => {
    const listener = stage.call<Answered>("CreateListener", {
      LoadBalancerArn: it.balancer,
      Protocol: "HTTPS",
      Port: 8443,
      Certificates: [{ CertificateArn: "arn:aws:acm:eu-central-1:111122223333:certificate/1" }],
      DefaultActions: [forward({ [it.blue]: 1 })],
    }).Listeners[0]!.ListenerArn;
    await stage.elb.ready();
    const [balancer] = stage.call<Answered>("DescribeLoadBalancers", {}).LoadBalancers;
    const ask = (headers: http.OutgoingHttpHeaders = {}) =>
      new Promise<http.IncomingMessage>((resolve, reject) => {
        https
          .get(
            {
              host: first(),
              port: 8443,
              servername: balancer!.DNSName,
              ca: stage.elb.certificate,
              agent: false,
              headers,
            },
            (response) => {
              response.resume();
              resolve(response);
            },
          )
          .on("error", reject);
      });
    expect((await ask()).headers["x-machine"]).toBe("i-blue");
    expect(blue.seen.at(-1)!.headers["x-forwarded-proto"]).toBe("https");
    const AuthenticateOidcConfig = {
      Issuer: "https://id.example",
      AuthorizationEndpoint: "https://id.example/authorize",
      TokenEndpoint: "https://id.example/token",
      UserInfoEndpoint: "https://id.example/user",
      ClientId: "shop",
      ClientSecret: "not told again",
    };
    const actions = (config: object) => [
      { Type: "authenticate-oidc", Order: 1, AuthenticateOidcConfig: config },
      { ...forward({ [it.blue]: 1 }), Order: 2 },
    ];
    const { Listeners } = stage.call<Answered>("ModifyListener", {
      ListenerArn: listener,
      DefaultActions: actions(AuthenticateOidcConfig),
    });
    expect(JSON.stringify(Listeners)).not.toContain("not told again");
    const { ClientSecret: _secret, ...kept } = AuthenticateOidcConfig;
    expect(stage.refusal("ModifyListener", { ListenerArn: listener, DefaultActions: actions(kept) })).toBe(
      "InvalidLoadBalancerAction",
    );
    stage.call("ModifyListener", {
      ListenerArn: listener,
      DefaultActions: actions({ ...kept, UseExistingClientSecret: true }),
    });
    const refused = await ask();
    expect([
      refused.statusCode,
      refused.headers.location?.startsWith("https://id.example/authorize?client_id=shop"),
    ]).toEqual([302, true]);
    expect((await ask({ cookie: "AWSELBAuthSessionCookie-0=x" })).headers["x-machine"]).toBe("i-blue");
  });
});

describe("stickiness", () => {
  test("a group's cookie beats the weights until it ends, or the group is named no more", async () => {
    route(forward({ [it.blue]: 1, [it.green]: 0 }, 3_600));
    const { headers } = await get(first());
    const given = cookies(headers);
    expect(Object.keys(given)).toEqual(["AWSALBTG", "AWSALBTGCORS"]);
    const cookie = cookieHeader(given);
    route(forward({ [it.blue]: 0, [it.green]: 1 }, 3_600));
    expect((await get(first())).body).toBe("i-green");
    for (const address of addresses())
      expect((await get(address, { headers: { cookie } })).body).toBe("i-blue");
    route(forward({ [it.green]: 1 }, 3_600));
    expect((await get(first(), { headers: { cookie } })).body).toBe("i-green");
    route(forward({ [it.blue]: 0, [it.green]: 1 }, 3_600));
    stage.call("ModifyTargetGroupAttributes", {
      TargetGroupArn: it.blue,
      Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: "0" }],
    });
    await stage.elb.targets.deregister(it.blue, "i-blue");
    expect((await get(first(), { headers: { cookie } })).status).toBe(503);
  });

  test("a group's cookie begins anew with every answer, or is kept where the world is made so", async () => {
    route(forward({ [it.blue]: 1, [it.green]: 0 }, 3_600));
    const cookie = cookieHeader(cookies((await get(first())).headers));
    expect(Object.keys(cookies((await get(first(), { headers: { cookie } })).headers))).toContain("AWSALBTG");
    const other = await openStage({ groupCookie: "kept" });
    const there = shop(other);
    await other.elb.ready();
    const machine = await other.machine("i-blue");
    other.elb.targets.register(there.blue, { id: machine.id });
    other.call("ModifyListener", {
      ListenerArn: there.listener,
      DefaultActions: [forward({ [there.blue]: 1 }, 3_600)],
    });
    await other.until(() => other.elb.targets.health(there.blue, machine.id)?.state === "healthy");
    const { address } = other.elb.nodes("shop-alb")[0]!;
    const kept = cookieHeader(cookies((await get(address)).headers));
    expect(kept).toContain("AWSALBTG=");
    expect(cookies((await get(address, { headers: { cookie: kept } })).headers)).toEqual({});
    await other.close();
  });

  test("a cookie ends with its duration; a forged one says nothing", async () => {
    route(forward({ [it.blue]: 1, [it.green]: 0 }, 5));
    const cookie = cookieHeader(cookies((await get(first())).headers));
    route(forward({ [it.blue]: 0, [it.green]: 1 }, 5));
    await stage.world.clock.sleep(6_000);
    expect((await get(first(), { headers: { cookie } })).body).toBe("i-green");
    expect((await get(first(), { headers: { cookie: `AWSALBTG=${"A".repeat(60)}` } })).body).toBe("i-green");
  });

  test("a target's cookie holds while the target is healthy", async () => {
    const other = await stage.machine("i-blue-2");
    stage.elb.targets.register(it.blue, { id: "i-blue-2" });
    await stage.until(() => stage.elb.targets.health(it.blue, "i-blue-2")?.state === "healthy");
    route(forward({ [it.blue]: 1 }));
    stage.call("ModifyTargetGroupAttributes", {
      TargetGroupArn: it.blue,
      Attributes: [{ Key: "stickiness.enabled", Value: "true" }],
    });
    const { headers, body } = await get(first());
    const given = cookies(headers);
    expect(Object.keys(given)).toEqual(["AWSALB", "AWSALBCORS"]);
    const cookie = cookieHeader(given);
    for (let count = 0; count < 6; count += 1) {
      for (const address of addresses())
        expect((await get(address, { headers: { cookie } })).body).toBe(body);
    }
    const stuck = [blue, other].find(({ id }) => id === body)!;
    void stage.elb.targets.deregister(it.blue, stuck.id);
    expect((await get(first(), { headers: { cookie } })).body).not.toBe(body);
  });
});

describe("on the way", () => {
  test("headers: forwarded for, port, proto, trace; hop-by-hop ones stay behind; case and duplicates survive", async () => {
    blue.answer = (_request, response) =>
      response
        .writeHead(201, ["X-Two", "1", "X-Two", "2", "Set-Cookie", "a=b", "Connection", "close"])
        .end("made");
    const trace = "Root=1-67891233-abcdef012345678912345678";
    const { status, headers } = await get(first(), {
      headers: {
        host: "shop.example",
        "x-forwarded-for": "203.0.113.7",
        "x-amzn-trace-id": trace,
        te: "trailers",
      },
      localAddress: "127.0.0.9",
    });
    const seen = blue.seen.at(-1)!;
    expect(seen.headers).toMatchObject({
      host: "shop.example",
      "x-forwarded-for": "203.0.113.7, 127.0.0.9",
      "x-forwarded-port": "8000",
      "x-forwarded-proto": "http",
    });
    expect(seen.headers["x-amzn-trace-id"]).toMatch(new RegExp(`^Self=1-[0-9a-f]{8}-[0-9a-f]{24};${trace}$`));
    expect(seen.headers.te).toBeUndefined();
    expect([status, headers["x-two"], headers["set-cookie"]]).toEqual([201, "1, 2", ["a=b"]]);
    await get(first());
    expect(blue.seen.at(-1)!.headers["x-amzn-trace-id"]).toMatch(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/);
  });

  test("bodies stream both ways, with a length and without", async () => {
    blue.answer = (request, response) => {
      response.writeHead(200);
      request.pipe(response);
    };
    const body = "x".repeat(3_000_000);
    expect((await get(first(), { method: "POST", body })).body).toBe(body);
    expect(
      (await get(first(), { method: "PUT", body, headers: { "transfer-encoding": "chunked" } })).body,
    ).toBe(body);
    const parts: string[] = [];
    const request = http.request({ host: first(), port: 8000, method: "POST", agent: false });
    request.write("one");
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    const [one] = (await once(response, "data")) as [Buffer];
    parts.push(one.toString());
    request.end("two");
    for await (const part of response) parts.push(String(part));
    expect(parts).toEqual(["one", "two"]);
  });

  test("HEAD, 204 and 304 have no body", async () => {
    blue.answer = ({ url }, response) =>
      response.writeHead(Number(url!.slice(1)), { "content-length": 0 }).end();
    for (const status of [204, 304]) expect((await get(first(), { path: `/${status}` })).status).toBe(status);
    blue.answer = (_request, response) => response.writeHead(200, { "content-length": 5 }).end();
    expect(await get(first(), { method: "HEAD" })).toMatchObject({ status: 200, body: "" });
  });

  test("connections are kept alive on both sides", async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    const reused: boolean[] = [];
    for (let count = 0; count < 4; count += 1) {
      reused.push((await get(first(), { agent })).reused);
      sockets.add(blue.seen.at(-1)!.socket);
    }
    expect([sockets.size, ...reused]).toEqual([1, false, true, true, true]);
    // The target sees the node's address, as it would in a VPC.
    expect(blue.seen.at(-1)!.socket.remoteAddress).toBe(first());
    agent.destroy();
  });

  test("the client keepalive duration ends a connection with an answer", async () => {
    stage.call("ModifyLoadBalancerAttributes", {
      LoadBalancerArn: it.balancer,
      Attributes: [{ Key: "client_keep_alive.seconds", Value: "60" }],
    });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    expect((await get(first(), { agent })).headers.connection).toBe("keep-alive");
    await stage.world.clock.sleep(61_000);
    const last = await get(first(), { agent });
    expect([last.reused, last.headers.connection]).toEqual([true, "close"]);
    agent.destroy();
  });

  test("502: refused, broken off, or not HTTP", async () => {
    blue.answer = (request) => void request.socket.destroy();
    expect((await get(first())).status).toBe(502);
    blue.answer = (request) => void request.socket.end("nonsense\r\n\r\n");
    expect((await get(first())).status).toBe(502);
    await blue.stop();
    expect((await get(first())).status).toBe(502);
  });

  test("half an answer that breaks off is seen to break off", async () => {
    blue.answer = (_request, response) => {
      response.writeHead(200, { "content-length": 10 });
      response.write("half", () => response.destroy());
    };
    await expect(get(first())).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  test("504: no answer within the idle timeout", async () => {
    blue.answer = () => {};
    stage.call("ModifyLoadBalancerAttributes", {
      LoadBalancerArn: it.balancer,
      Attributes: [{ Key: "idle_timeout.timeout_seconds", Value: "1" }],
    });
    expect((await get(first())).status).toBe(504);
    expect(stage.elb.counted().some(({ own }) => own.get(504) === 1)).toBe(true);
  });

  test("a client that leaves takes its request along", async () => {
    const left = Promise.withResolvers<void>();
    blue.answer = (request) => void request.on("close", () => left.resolve());
    const request = http.get({ host: first(), port: 8000, agent: false });
    request.on("error", () => {});
    await stage.until(() => blue.requests === 1);
    request.destroy();
    await left.promise;
    const leaving = stage.elb.targets.deregister(it.blue, "i-blue");
    await leaving;
  });

  test("clients that leave in the middle of a body, either way, leave nothing behind", async () => {
    blue.answer = (request, response) => {
      response.on("error", () => {});
      request.on("error", () => {}).pipe(response);
    };
    for (let count = 0; count < 20; count += 1) {
      const request = http.request({ host: first(), port: 8000, method: "POST", agent: false });
      request.on("error", () => {});
      request.write("x".repeat(100_000));
      if (count % 2 === 0) {
        const [response] = (await once(request, "response")) as [http.IncomingMessage];
        response.on("error", () => {});
        await once(response, "data");
      }
      request.destroy();
    }
    // Deregistration is done only when no request is counted any more.
    await stage.elb.targets.deregister(it.blue, "i-blue");
    expect(stage.elb.requests("shop-blue")).toBeGreaterThanOrEqual(10);
  });

  test("a WebSocket stays with its target while rules change, and is cut when the deregistration delay ends", async () => {
    const server = new WebSocketServer({ server: blue.server });
    server.on("connection", (socket) =>
      socket.on("message", (message) => socket.send(`blue ${(message as Buffer).toString()}`)),
    );
    const client = new WebSocket(`ws://${first()}:8000/chat`);
    await once(client, "open");
    stage.elb.shift(it.rule, { "shop-blue": 0, "shop-green": 1 });
    client.send("hello");
    expect(String((await once(client, "message"))[0])).toBe("blue hello");
    stage.call("ModifyTargetGroupAttributes", {
      TargetGroupArn: it.blue,
      Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: "5" }],
    });
    const closed = once(client, "close");
    await stage.elb.targets.deregister(it.blue, "i-blue");
    await closed;
    expect(stage.elb.targets.health(it.blue, "i-blue")).toBeUndefined();
    server.close();
  });

  test("a WebSocket that nobody takes: the target's own refusal, or 503", async () => {
    const refused = async () => {
      const client = new WebSocket(`ws://${first()}:8000/`);
      const [, response] = (await once(client, "unexpected-response")) as [unknown, http.IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    blue.server.on("upgrade", (_request, socket) =>
      socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"),
    );
    expect(await refused()).toBe(403);
    route(forward({ [it.blue]: 0 }));
    expect(await refused()).toBe(503);
  });
});
